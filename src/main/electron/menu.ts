/** The menus by each system's custom, as a template: no Electron here but its types. */
import type { MenuItemConstructorOptions } from 'electron';
import type { DesktopCommand } from '../../shared/desktop.ts';
import type { HostWords } from './words.ts';

type Item = MenuItemConstructorOptions;
type Tell = (command: DesktopCommand) => void;

const separator: Item = { type: 'separator' };

export function menuTemplate(platform: NodeJS.Platform, { menu }: HostWords, tell: Tell): Item[] {
  const mac = platform === 'darwin';
  const settings: Item = {
    label: menu.settings,
    accelerator: 'CmdOrCtrl+,',
    click: () => tell({ type: 'settings' }),
  };
  const addFolder: Item = {
    label: menu.addFolder,
    accelerator: 'CmdOrCtrl+O',
    click: () => tell({ type: 'add-folder' }),
  };
  const file = mac
    ? [addFolder, separator, { role: 'close' as const }]
    : [addFolder, separator, settings, separator, { role: 'quit' as const }];
  return [
    ...(mac ? [appMenu(settings)] : []),
    { label: menu.file, submenu: file },
    { label: menu.edit, submenu: editItems(menu.find, tell) },
    { label: menu.view, submenu: viewItems() },
    ...(mac ? [{ label: menu.window, role: 'windowMenu' as const }] : []),
    {
      label: menu.help,
      role: 'help',
      submenu: [{ label: menu.keys, click: () => tell({ type: 'keys' }) }],
    },
  ];
}

/** macOS keeps what concerns the whole app under its name. */
function appMenu(settings: Item): Item {
  return {
    role: 'appMenu',
    submenu: [
      { role: 'about' },
      separator,
      settings,
      separator,
      { role: 'services' },
      separator,
      { role: 'hide' },
      { role: 'hideOthers' },
      { role: 'unhide' },
      separator,
      { role: 'quit' },
    ],
  };
}

function editItems(find: string, tell: Tell): Item[] {
  return [
    { role: 'undo' },
    { role: 'redo' },
    separator,
    { role: 'cut' },
    { role: 'copy' },
    { role: 'paste' },
    { role: 'selectAll' },
    separator,
    { label: find, accelerator: 'CmdOrCtrl+F', click: () => tell({ type: 'find' }) },
  ];
}

function viewItems(): Item[] {
  return [
    { role: 'resetZoom' },
    { role: 'zoomIn' },
    { role: 'zoomOut' },
    separator,
    { role: 'togglefullscreen' },
  ];
}
