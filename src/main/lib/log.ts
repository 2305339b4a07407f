/** Messages for the terminal's error stream; standard output belongs to answers. */

export type Level = 'debug' | 'info' | 'warn' | 'silent';
const order: Record<Level, number> = { debug: 0, info: 1, warn: 2, silent: 3 };

const initial = process.env.IRIS_LOG;
let level: Level = initial !== undefined && initial in order ? (initial as Level) : 'warn';

function write(at: Level, message: string): void {
  if (order[at] >= order[level]) process.stderr.write(`iris: ${message}\n`);
}

export const log = {
  debug: (message: string): void => write('debug', message),
  info: (message: string): void => write('info', message),
  warn: (message: string): void => write('warn', message),
  setLevel: (next: Level): void => void (level = next),
};
