/** What a hub can do wrong for good, the file that it befalls (`list` for the lists), and what is said of it. */
import type { Fault } from './mock-hub.ts';

export const vision = 'onnx/vision_model.onnx';

const forever = (fault: Fault): Fault[] => Array.from({ length: 60 }, () => ({ ...fault }));

export const refusals: [what: string, file: string, faults: Fault[], message: RegExp][] = [
  [
    'wrong bytes',
    vision,
    forever({ flip: true }),
    /^onnx\/vision_model\.onnx: expected SHA-256 [0-9a-f]{64}, got SHA-256 [0-9a-f]{64} from http.*deleted.*Try again/,
  ],
  [
    'wrong bytes of a small file',
    'config.json',
    forever({ flip: true }),
    /^config\.json: expected Git hash [0-9a-f]{40}, got Git hash/,
  ],
  ['too many bytes', vision, forever({ long: true }), /vision_model\.onnx: expected 50000 bytes, got more/],
  [
    'bytes that never come to an end',
    vision,
    [{ short: 9000 }, ...forever({ cut: 0 })],
    /vision_model\.onnx.*(?:gave 9000 of 50000 bytes|did not give).*download again/,
  ],
  [
    'another part than was asked for',
    vision,
    [{ short: 9000 }, ...forever({ wrongRange: true })],
    /vision_model\.onnx .*bytes from 9000 of 50000 were asked for, and "bytes 8999-49999\/50000" came/,
  ],
  [
    'another hash at the file than in the list',
    vision,
    forever({ linked: { 'x-linked-etag': `"${'0'.repeat(64)}"` } }),
    /vision_model\.onnx .*the list says SHA-256 [0-9a-f]{64}, the file 0{64}/,
  ],
  [
    'another commit',
    vision,
    forever({ linked: { 'x-repo-commit': 'f'.repeat(40) } }),
    /the list is of commit c0ffee.*, the file of ffff/,
  ],
  [
    'a way over an open line',
    vision,
    forever({ to: 'http://example.invalid/x' }),
    /sends on to http:\/\/example\.invalid\/x, which Iris does not follow/,
  ],
  [
    'a hub that asks to wait for an hour',
    vision,
    forever({ status: 429, retryAfter: '3600' }),
    /did not give onnx\/vision_model\.onnx .*429 \(wait: 3600\).*what is here is kept/,
  ],
  [
    'a file that is gone from where it is kept',
    vision,
    forever({ status: 404 }),
    /does not have onnx\/vision_model\.onnx of somebody\/clip \(404\)/,
  ],
  [
    'a hub that asks for a key',
    'list',
    forever({ status: 401 }),
    /asks for a key for the list of somebody\/clip \(401\).*--key/,
  ],
  [
    'a repository that is gone',
    'list',
    forever({ status: 404 }),
    /does not have the list of somebody\/clip \(404\)/,
  ],
];
