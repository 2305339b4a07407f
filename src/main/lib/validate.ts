/** What comes from outside is checked here before it reaches the engine, whichever host it came through. */
import type { ZodType } from 'zod';
import { schemas, type Method } from '../../shared/contract.ts';
import { AppError } from '../../shared/errors.ts';

/** The most that one call's arguments may weigh, as JSON. */
export const callLimitBytes = 1024 * 1024;

/** The arguments of a call as its method's schema allows them; anything else is an AppError that names the field. */
export function validated(method: string, args: unknown): unknown {
  const parsed = schemaOf(method).safeParse(args);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue?.path.join('.');
  throw new AppError('bad-request', `${method}${field ? `.${field}` : ''}: ${issue?.message ?? 'invalid'}`);
}

/** The arguments that a body of JSON carries, not yet validated. */
export function parsedArguments(method: string, body: string): unknown {
  schemaOf(method);
  try {
    return JSON.parse(body);
  } catch {
    throw new AppError('bad-request', `${method}: expected a JSON object as the body.`);
  }
}

function schemaOf(method: string): ZodType {
  if (!Object.hasOwn(schemas, method)) throw new AppError('not-found', `There is no method "${method}".`);
  return schemas[method as Method];
}
