/** Hangs the policies on everything that Electron asks about, before any window is there. */
import { app, session, shell, type WebContents } from 'electron';
import { externalUrl, mayLoad, mayNavigate, mayUse } from './policy.ts';

/** To be called when the app is ready. */
export function guardSession(): void {
  const { defaultSession } = session;
  defaultSession.setPermissionRequestHandler((_contents, permission, answer) => answer(mayUse(permission)));
  defaultSession.setPermissionCheckHandler((_contents, permission) => mayUse(permission));
  defaultSession.setDevicePermissionHandler(() => mayUse('device'));
  defaultSession.webRequest.onBeforeRequest(({ url }, answer) => answer({ cancel: !mayLoad(url) }));
  defaultSession.on('will-download', (event) => event.preventDefault());
}

export function guardContents(): void {
  app.on('web-contents-created', (_event, contents) => guard(contents));
}

function guard(contents: WebContents): void {
  contents.on('will-navigate', (event) => {
    if (!mayNavigate(event.url)) event.preventDefault();
  });
  contents.on('will-frame-navigate', (event) => {
    if (!event.isMainFrame || !mayNavigate(event.url)) event.preventDefault();
  });
  contents.on('will-redirect', (event) => event.preventDefault());
  contents.on('will-attach-webview', (event) => event.preventDefault());
  contents.setWindowOpenHandler(({ url }) => {
    const allowed = externalUrl(url);
    if (allowed !== undefined) void shell.openExternal(allowed);
    return { action: 'deny' };
  });
}
