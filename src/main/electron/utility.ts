/** Compute processes under Electron: its utility processes, in the shape that the engine starts them in. */
import { utilityProcess } from 'electron';
import process from 'node:process';
import { childEnv, type Fork } from '../engine.ts';
import type { Reply } from '../../shared/rpc.ts';

export const forkUtility: Fork = (entry, config) => {
  const child = utilityProcess.fork(entry, [JSON.stringify(config)], {
    serviceName: `Iris ${config.lane}`,
    env: childEnv(),
    stdio: ['ignore', 'ignore', 'pipe'],
    execArgv: [],
  });
  let alive = true;
  child.once('exit', () => (alive = false));
  return {
    send(message) {
      if (alive) child.postMessage(message);
    },
    onMessage: (listener) => void child.on('message', (message: unknown) => listener(message as Reply)),
    onStderr: (listener) => void child.stderr?.on('data', (data: Buffer) => listener(data.toString('utf8'))),
    onExit: (listener) => void child.once('exit', (code) => listener(code, null)),
    get alive() {
      return alive;
    },
    kill: () => killNow(child),
    end: () => void child.kill(),
  };
};

/** Electron's own `kill` asks; a decoder in an endless loop does not listen. */
function killNow(child: Electron.UtilityProcess): void {
  if (child.pid === undefined) return void child.kill();
  try {
    process.kill(child.pid, 'SIGKILL');
  } catch {
    child.kill();
  }
}
