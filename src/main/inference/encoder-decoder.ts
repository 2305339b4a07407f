/** A decoder with cross-attention: what it attends to is computed once, its own keys and values step by step. */
import {
  embed,
  embedPrompt,
  encoderStates,
  feedsFor,
  step,
  type CausalFacts,
  type CausalPrompt,
} from './causal.ts';
import type { Decoder } from './generate.ts';
import { emptyCache, freeCache, pastName, selectRows, type KvCache } from './kv-cache.ts';
import type { Session, Tensor } from './session.ts';
import { floats, readFloats, type Feed } from './tensors.ts';

export interface EncoderDecoderSessions {
  /**
   * Takes `input_ids`, or their embeddings, and, as in Optimum, `past_key_values.N.decoder.key` and `.value`; what it
   * attends to it takes as `past_key_values.N.encoder.key` and `.value`, as an encoder's last states (from which it
   * computes the former itself), or under any name of its own, and does not give again.
   */
  decoder: Session;
  /** For a decoder that takes embeddings. */
  embedTokens?: Session;
  /** Where the decoder keeps its cache in GPU memory. */
  gather?: Session;
}

export interface EncoderDecoderPrompt {
  rows: number;
  /** The decoder's first ids, the same for every row. */
  ids: readonly number[];
  /**
   * What the decoder attends to, each [rows, ...]: `present.N.encoder.key` becomes `past_key_values.N.encoder.key`,
   * other names stay.
   */
  encode: () => Promise<Record<string, Tensor | Feed>>;
  /**
   * The decoder's graph lets one row that is attended to serve any number of its own. Then beams and texts to be
   * scored share a photo's keys and values, which are the larger part: 43 MB a photo in BLIP base.
   */
  shares?: boolean;
}

/** A decoder for the same first ids after each of several things to attend to. */
export function encoderDecoder(
  { decoder, embedTokens, gather }: EncoderDecoderSessions,
  shape: { heads: number; headDim: number },
  { rows, ids, encode, shares = false }: EncoderDecoderPrompt,
): Decoder<KvCache> {
  return {
    async start() {
      const cache = emptyCache(decoder, rows, shape);
      const attended = Object.entries(await encode());
      for (const [name, tensor] of attended) cache.tensors.set(inputName(name), inType(tensor, name));
      if (shares && rows === 1 && !gather) share(cache, attended);
      const all = Array.from({ length: rows }, () => ids).flat();
      return stepFrom(cache, { ids: all, dims: [rows, ids.length] });
    },
    next: (ids, cache) => stepFrom(cache, { ids, dims: [ids.length, 1] }),
    select: (cache, chosen) => selectRows(cache, chosen, gather),
    free: freeCache,
  };

  async function stepFrom(
    cache: KvCache,
    { ids, dims }: { ids: readonly number[]; dims: number[] },
  ): ReturnType<Decoder<KvCache>['start']> {
    try {
      if (!embedTokens || !decoder.inputs.has('inputs_embeds'))
        return await step(decoder, { ids, dims }, cache);
      const embeds = await embed(embedTokens, ids, dims);
      return await step(decoder, { embeds, dims: [...dims, embeds.length / ids.length] }, cache);
    } finally {
      freeCache(cache);
    }
  }

  /** Parts may be of different precisions. */
  function inType(tensor: Tensor | Feed, name: string): Tensor | Feed {
    const type = decoder.inputs.get(inputName(name));
    if (type === undefined || type === tensor.type || !('location' in tensor)) return tensor;
    const { dims } = tensor;
    return floats(readFloats(tensor), dims, type);
  }
}

/** Where a decoder takes what an encoder gives. */
function inputName(output: string): string {
  return output === 'last_hidden_state' ? encoderStates : pastName(output);
}

/** A decoder that begins with `start` and attends to what an encoder makes of a prompt with a photo in it. */
export function promptDecoder(
  sessions: EncoderDecoderSessions & { embedTokens: Session; encoder: Session },
  facts: CausalFacts,
  { start, ...prompt }: CausalPrompt & { start: readonly number[] },
): Decoder<KvCache> {
  const { embedTokens, encoder, decoder } = sessions;
  return encoderDecoder(sessions, facts, {
    rows: prompt.prefixes.length,
    ids: start,
    shares: !decoder.inputs.has(encoderStates),
    async encode() {
      const { embeds, dims } = await embedPrompt(embedTokens, facts, prompt);
      const none: KvCache = { tensors: new Map(), length: 0, rows: prompt.prefixes.length };
      return encoder.run(feedsFor(encoder, { embeds, dims }, none));
    },
  });
}

/** Moves what is attended to out of what copies copy. Memory that nobody disposes of is left to the collector. */
function share(cache: KvCache, attended: readonly [string, Tensor | Feed][]): void {
  cache.shared = new Map(
    attended.map(([name, { type, dims, data }]) => [inputName(name), { type, dims, data } as Feed]),
  );
  for (const name of cache.shared.keys()) cache.tensors.delete(name);
}
