/** The catalogue: public models that Iris knows of, where they are, and for whom each is. Its file comes with Iris. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { AppError } from '../../shared/errors.ts';

const both = z.strictObject({ en: z.string(), zh: z.string() });
const inside = z
  .string()
  .regex(/^(?!.*(?:^|\/)\.\.?(?:\/|$))[\w.-]+(?:\/[\w.-]+)*$/, 'expected a path inside');

const knownModel = z.strictObject({
  /** Also the id and the folder of the model that comes of it. */
  id: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/),
  name: z.string(),
  does: both,
  suits: both,
  can: z.array(z.enum(['search', 'caption', 'ask', 'chat', 'language', 'match'])),
  license: z.string(),
  repository: z.string().regex(/^[\w-][\w.-]*\/[\w-][\w.-]*$/),
  /** A commit; the newest of the main branch where none is known. */
  revision: z
    .string()
    .regex(/^[0-9a-f]{40}$/)
    .optional(),
  files: z.array(inside),
  /** Taken where the repository has them. */
  optional: z.array(inside).default([]),
  /** Of all files, as far as they were seen; the hub's own numbers hold. */
  bytes: z.int().positive(),
  memoryMb: z.int().positive(),
  /** Why Iris cannot run it as it is published, and what to do. */
  cannot: both.optional(),
  /** What of this was not seen where the catalogue was made, but follows from the model's size or its paper. */
  unseen: z.array(z.enum(['repository', 'revision', 'files', 'bytes', 'license', 'memory'])),
});
export const catalogueSchema = z.strictObject({ format: z.literal(1), models: z.array(knownModel) });
export type KnownModel = z.infer<typeof knownModel>;

/** The models that could be downloaded; none where no catalogue came along. Throws AppError('model'). */
export async function readCatalogue(file: string): Promise<KnownModel[]> {
  const text = await readFile(file, 'utf8').catch(() => '{"format":1,"models":[]}');
  const parsed = catalogueSchema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data.models;
  const [issue] = parsed.error.issues;
  throw new AppError('model', `${file}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}
