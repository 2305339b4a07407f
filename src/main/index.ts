/** Electron's entry: the desktop app, or with `--cli` the command line in the same program. */
import { app } from 'electron';
import process from 'node:process';
import { runCommand } from './electron/command.ts';
import { startDesktop } from './electron/desktop.ts';
import { parseLaunch } from './electron/policy.ts';

process.env['ORT_DISABLE_TELEMETRY'] = '1';

// Nothing is awaited here: Electron becomes ready only when this file has been read to its end.
const launch = parseLaunch(process.argv, app.isPackaged, process.cwd());
if (launch.kind === 'cli') void runCommand(launch.args);
else startDesktop(launch.paths);
