/** `Iris --cli ...`: the command line inside the packaged app, without a window. */
import { app } from 'electron';
import process from 'node:process';
import { promisify } from 'node:util';
import { main } from '../cli/program.ts';
import { forkUtility } from './utility.ts';

export async function runCommand(args: readonly string[]): Promise<void> {
  // Utility processes can be started only when the app is ready.
  await app.whenReady();
  app.dock?.hide();
  await main(['iris', 'iris', ...args], { fork: forkUtility });
  await flushed(process.stdout);
  await flushed(process.stderr);
  app.exit(Number(process.exitCode ?? 0));
}

/** Output to a pipe may still be on its way; `exit` would not wait for it. */
async function flushed(stream: NodeJS.WriteStream): Promise<void> {
  await promisify((done: () => void) => stream.write('', done))();
}
