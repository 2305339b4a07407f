/** Runs the command line as a person's shell would: as it was built, or from its source where that is newer. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { isBuilt } from '../built.ts';
import { checkout } from './helpers.ts';

/** `npm test` builds first; someone who runs one file need not. */
const cliEntry = path.join(
  checkout,
  (await isBuilt('dist/main', 'src/main', 'src/shared')) ? 'dist/main/cli.js' : 'src/main/cli.ts',
);

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  stdin?: string;
  env?: Record<string, string>;
  cwd?: string;
  /** A command that runs the program it is given, such as `setpriv … --`. */
  under?: string[];
}

export async function iris(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const [program = '', ...rest] = [...(options.under ?? []), process.execPath, cliEntry, ...args];
  const child = spawn(program, rest, {
    cwd: options.cwd ?? checkout,
    env: { ...process.env, ...options.env },
    stdio: 'pipe',
  });
  const ran: Ran = { code: null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (ran.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (ran.stderr += text));
  child.stdin.end(options.stdin ?? '');
  ran.code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  return ran;
}

/** Standard output as JSON, one value a line; anything else on it is an error. */
export function jsonLines(ran: Ran): unknown[] {
  return ran.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
}
