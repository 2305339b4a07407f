/** Values that no honest page sends, the same ones in every run. */
import { createHash } from 'node:crypto';
import type { Sender } from '../../src/main/electron/policy.ts';

export interface Random {
  integer(from: number, to: number): number;
  /** Anything, also what cannot be cloned or is cyclic. */
  value(): unknown;
  /** Anything that a message can carry. */
  cloneable(): unknown;
  /** A sender that differs from `own` in at least one thing that counts. */
  sender(own: Sender): Sender;
}

const texts = [
  '',
  '1',
  '../../etc/passwd',
  '/etc',
  '\0',
  '__proto__',
  'constructor',
  'x'.repeat(30_000),
  '\uD800',
  'file:///a',
];
const keys = [
  'id',
  'path',
  'photo',
  'query',
  'filter',
  'limit',
  'offset',
  'text',
  'ids',
  'format',
  'out',
  'job',
  '__proto__',
  'to',
  'value',
  'key',
  'name',
];
const urls = [
  'https://evil.test/',
  'file:///a.html',
  'about:blank',
  'app://iris.evil/',
  'app://iris',
  'data:text/html,x',
  '',
];
const origins = ['https://evil.test', 'null', 'file://', 'app://iris.evil', 'app://', ''];

export function randomFrom(seed: string): Random {
  let state = createHash('sha256').update(seed).digest().readUInt32LE(0) || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  const integer = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
  const pick = <T>(list: readonly T[]): T => list[integer(0, list.length - 1)] as T;

  const simple: (() => unknown)[] = [
    () => integer(-5, 20),
    () => next() * 400 - 200,
    () => pick([Number.NaN, Infinity, -0, 2 ** 53, 1e308]),
    () => pick(texts),
    () => pick([null, undefined, true, false]),
    () => BigInt(integer(0, 9)),
    () => new Uint8Array(integer(0, 64)),
    () => new Map([['id', integer(1, 9)]]),
    () => new Date(Number.NaN),
    () => {
      const ring: Record<string, unknown> = { id: 1 };
      ring['ring'] = ring;
      return ring;
    },
  ];
  const cloneable = (depth = 0): unknown => {
    const kind = integer(0, depth < 3 ? simple.length + 3 : simple.length - 1);
    if (kind < simple.length) return simple[kind]?.();
    if (kind === simple.length) return Array.from({ length: integer(0, 4) }, () => cloneable(depth + 1));
    return Object.fromEntries(
      Array.from({ length: integer(0, 4) }, () => [pick(keys), cloneable(depth + 1)]),
    );
  };
  const forgers: ((own: Sender) => Sender)[] = [
    (own) => ({ ...own, contents: own.contents + pick([1, 7, Number.NaN]) }),
    (own) => ({ ...own, frame: null }),
    (own) => ({ ...own, frame: own.frame && { ...own.frame, isMain: false } }),
    (own) => ({ ...own, frame: own.frame && { ...own.frame, url: pick(urls) } }),
    (own) => ({ ...own, frame: own.frame && { ...own.frame, origin: pick(origins) } }),
  ];
  return {
    integer,
    cloneable,
    value: () =>
      integer(0, 9) === 0 ? Object.assign(Object.create({ id: 1 }) as object, { toJSON: 7 }) : cloneable(),
    sender: (own) =>
      Array.from({ length: integer(1, 3) }).reduce<Sender>((sender) => pick(forgers)(sender), own),
  };
}
