/** The engine for a page that is not trusted: only the contract's calls, each with validated arguments. */
import { schemas, type Api, type Args, type Method } from '../../shared/contract.ts';
import { AppError } from '../../shared/errors.ts';
import { invoke, type Port, type Reply, type Request } from '../../shared/rpc.ts';
import { callLimitBytes, parsedArguments, validated } from '../lib/validate.ts';

/** What of Electron's MessagePortMain is used here. */
export interface MainPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { data: unknown }) => void): unknown;
  once(event: 'close', listener: () => void): unknown;
  start(): void;
}

/** The main process's end of the wire; what is no request is dropped unanswered. */
export function enginePort(port: MainPort): Port<Request, Reply> {
  let open = true;
  port.once('close', () => (open = false));
  return {
    send(message) {
      if (open) port.postMessage(message);
    },
    onMessage(listener) {
      port.on('message', ({ data }) => {
        const request = requestOf(data);
        if (request) listener(request);
      });
      port.start();
    },
    onClose: (listener) => void port.once('close', () => listener('The page is gone.')),
  };
}

/** Reads a message as a request, or gives undefined. */
export function requestOf(data: unknown): Request | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const { id, cancel, method, args } = data as Record<string, unknown>;
  if (typeof id !== 'number' || !Number.isSafeInteger(id)) return undefined;
  if (cancel === true) return { id, cancel };
  return typeof method === 'string' ? { id, method, args } : undefined;
}

export interface Rules {
  /** Whether the person chose this folder in a dialog: a page alone must not say where files are written. */
  mayExportTo(folder: string): boolean;
}

/** The contract's methods and nothing else of the engine; each call passes its schema and the host's rules. */
export function guardedApi(engine: Api, rules: Rules): Api {
  const methods = Object.keys(schemas) as Method[];
  const guarded = methods.map((method) => [
    method,
    (given: unknown, signal: AbortSignal): unknown => {
      const args = validated(method, plain(method, given));
      if (method === 'export') checkExport(args as Args<'export'>, rules);
      return invoke(engine, method, args, signal);
    },
  ]);
  return Object.fromEntries(guarded) as Api;
}

/** The argument as JSON has it: cycles, typed arrays and inherited fields do not get further than this. */
function plain(method: string, given: unknown): unknown {
  const text = jsonOf(method, given);
  if (text.length > callLimitBytes)
    throw new AppError('bad-request', `${method}: a call may have 1 MB at most.`);
  return parsedArguments(method, text);
}

function jsonOf(method: string, given: unknown): string {
  try {
    const text: unknown = JSON.stringify(given);
    // Undefined and functions have no JSON; what stands for them here is none either.
    return typeof text === 'string' ? text : '';
  } catch {
    throw new AppError('bad-request', `${method}: expected a plain object.`);
  }
}

function checkExport({ out }: Args<'export'>, rules: Rules): void {
  if (out === undefined || rules.mayExportTo(out)) return;
  throw new AppError('bad-request', 'export.out: expected a folder that was chosen in the dialog of Iris.');
}
