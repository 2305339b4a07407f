/** Captions and answers: an image prefix before a prompt in a decoder-only language model. */
import type { GenerateManifest, Seen } from '../model.ts';
import { readRows } from '../parts.ts';
import type { Tensor } from '../session.ts';

/** The image side: what to fetch from the vision pass, and how to read it for a batch of `rows` photos. */
export function prefixReader(generate: GenerateManifest): {
  output: string;
  read: (tensor: Tensor | undefined, rows: number) => Promise<Seen[]>;
} {
  const output = generate.outputs.imageTokens;
  return {
    output,
    async read(tensor, rows) {
      const width = generate.imageTokens * generate.width;
      const prefixes = await readRows(tensor, output, { rows, width });
      return prefixes.map((prefix) => ({ prefix }));
    },
  };
}
