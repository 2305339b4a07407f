/** Errors a person can act on, and their form on the wire between processes. */

export type ErrorCode =
  | 'not-found' // a photo, folder, model or file that is not there
  | 'unreadable' // a file that is there but cannot be read or decoded
  | 'not-a-photo' // content that is no image Iris reads
  | 'bad-request' // arguments of the wrong form
  | 'busy' // another process holds the library
  | 'model' // a model that is missing, damaged or lacks the capability
  | 'crashed' // a compute process died or was stopped
  | 'aborted' // cancelled by the caller
  | 'full' // no room on the disk
  | 'newer-library' // written by a newer Iris
  | 'exists' // would overwrite something Iris did not write
  | 'internal';

/** What went wrong in words for a person: what was expected, what arrived, what to do. */
export class AppError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'AppError';
    this.code = code;
  }
}

export interface WireError {
  code: ErrorCode;
  message: string;
}

/** Any thrown value as a JSON-safe object; bugs arrive as `internal` with their message. */
export function toWire(error: unknown): WireError {
  if (error instanceof AppError) return { code: error.code, message: error.message };
  if (error instanceof Error && error.name === 'AbortError')
    return { code: 'aborted', message: 'Cancelled.' };
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) };
}

export function fromWire(error: WireError): AppError {
  return new AppError(error.code, error.message);
}

/** The message of anything thrown, in one line. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? text;
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AppError('aborted', 'Cancelled.');
}
