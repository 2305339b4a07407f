/** The page's keys: which event asks for what, and where a key is left alone. */

export interface Shortcuts {
  /** By the key's own name; while single letters act as keys. */
  letters: () => Record<string, () => void>;
  /** With Ctrl or the command key. */
  commands: Record<string, () => void>;
  escape: (target: HTMLElement) => void;
  /** Takes a key that is no shortcut, where its target has no use for it; says whether it did. */
  rest: (event: KeyboardEvent) => boolean;
}

export function shortcuts({ letters, commands, escape, rest }: Shortcuts): (event: KeyboardEvent) => void {
  return (event) => {
    const target = event.target as HTMLElement;
    if (event.defaultPrevented || event.isComposing || target.closest('dialog')) return;
    const act = (): (() => void) | undefined => {
      if (event.key === 'Escape') return () => escape(target);
      if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey)
        return commands[event.key.toLowerCase()];
      // AltGr writes brackets on many keyboards, and comes as Ctrl with Alt.
      const written = !event.ctrlKey && !event.metaKey && !event.altKey;
      if (isWriting(target) || !(written || event.getModifierState('AltGraph'))) return undefined;
      if (rest(event)) return undefined;
      return letters()[event.key];
    };
    const found = act();
    if (!found) return;
    event.preventDefault();
    found();
  };
}

/** Where letters are text. */
function isWriting(target: HTMLElement): boolean {
  return (
    target.matches('textarea, select, input:not([type="checkbox"], [type="radio"])') ||
    target.isContentEditable
  );
}

/** How this system names its keys. */
export const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

/** The key that commands are given with. */
export const commandKey = isMac ? '⌘' : 'Ctrl';
