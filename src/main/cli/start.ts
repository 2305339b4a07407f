/** `npm start`: indexes the samples or the folders given, then opens the app, or its page where Electron is missing. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { restMs } from '../engine.ts';
import { defaultLibrary, places } from '../lib/places.ts';
import { indexFolders, serveUntilStopped } from './commands.ts';
import { say, withEngine, type Common } from './output.ts';

export async function startApp(folders: string[], options: Common): Promise<number> {
  const chosen = folders.length > 0 ? folders.map((folder) => path.resolve(folder)) : [places.samples];
  const electron = electronProgram();
  const window = electron !== undefined && path.resolve(options.library) === defaultLibrary();
  await withEngine({ ...options, watchMs: restMs }, 'write', 'npm start', async (engine) => {
    const { report, error } = await indexFolders(engine, { folders: chosen });
    if (error) say(`iris: ${error}`);
    if (report)
      say(
        `${report.photos} photos in ${chosen.join(', ')}: ${report.indexed} indexed, ${report.unchanged} unchanged, ${report.failed.length} failed`,
      );
    if (window) return;
    say(
      electron === undefined
        ? "Electron's program is not on this machine: Iris opens as a page in your browser instead."
        : 'The window shows the usual library only: this one opens as a page in your browser.',
    );
    await serveUntilStopped(engine);
  });
  return window ? await openWindow(electron) : 0;
}

/** The window holds the library itself, so this process has let go of it before. */
async function openWindow(electron: string): Promise<number> {
  const child = spawn(electron, [places.root], { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

/** Looks for Electron's files: `require('electron')` would start a download. */
function electronProgram(): string | undefined {
  const names: Partial<Record<NodeJS.Platform, string>> = {
    darwin: 'Electron.app/Contents/MacOS/Electron',
    win32: 'electron.exe',
  };
  const program = path.join(places.root, 'node_modules/electron/dist', names[process.platform] ?? 'electron');
  return existsSync(program) ? program : undefined;
}
