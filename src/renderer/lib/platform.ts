/** How this system names its keys. */
export const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

/** The key that commands are given with. */
export const commandKey = isMac ? '⌘' : 'Ctrl';
