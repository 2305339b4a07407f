/** Asks for the export dialog from anywhere in the page: `Dialogs.svelte` listens. */
export function askForExport(ids: number[]): void {
  window.dispatchEvent(new CustomEvent('iris-export', { detail: ids }));
}
