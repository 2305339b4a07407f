/** `npm start`: indexes the samples or the folders given, then opens the app, or its page where Electron is missing. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { places } from '../lib/places.ts';
import { indexFolders, serveUntilStopped } from './commands.ts';
import { say, withEngine, type Common } from './output.ts';

export async function startApp(folders: string[], options: Common): Promise<number> {
  const chosen = folders.length > 0 ? folders.map((folder) => path.resolve(folder)) : [places.samples];
  return await withEngine(options, 'write', 'npm start', async (engine) => {
    const { report, error } = await indexFolders(engine, chosen, true);
    if (error) say(`iris: ${error}`);
    if (report)
      say(
        `${report.photos} photos in ${chosen.join(', ')}: ${report.indexed} indexed, ${report.unchanged} unchanged, ${report.failed.length} failed`,
      );
    say(
      electronFound()
        ? 'The desktop window is not part of this version yet: Iris opens as a page in your browser.'
        : "Electron's program is not on this machine: Iris opens as a page in your browser instead.",
    );
    await serveUntilStopped(engine);
    return 0;
  });
}

/** Looks for Electron's files: `require('electron')` would start a download. */
function electronFound(): boolean {
  const names = { darwin: 'Electron.app', win32: 'electron.exe' } as Partial<Record<NodeJS.Platform, string>>;
  return existsSync(
    path.join(places.root, 'node_modules/electron/dist', names[process.platform] ?? 'electron'),
  );
}
