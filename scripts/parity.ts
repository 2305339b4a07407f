/**
 * npm run parity: runs every parity row and writes what was measured into the table of docs/models.md.
 * npm run parity -- --seed 7: first remakes checkpoints and goldens with Python (`IRIS_PYTHON`, or python3, with
 * what models/export/requirements.txt pins) into test/output/rows, runs the tests on those, and writes no table. With the
 * seed of the committed rows, the goldens must also be theirs: ids equal, other numbers within 1e-5.
 *
 * Either way it prints the table, and fails where a test does or a row was not measured.
 */
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Measured } from '../test/parity/families/parity.ts';

const root = join(import.meta.dirname, '..');
const parity = join(root, 'test/parity');
const committed = join(parity, 'rows');
const measuredDir = join(root, 'test/output/parity');
const committedSeed = '5';
const { seed } = parseArgs({ options: { seed: { type: 'string' } } }).values;
if (seed !== undefined && !/^\d{1,6}$/.test(seed))
  throw new Error(`Expected --seed 7 or the like, got "${seed}".`);

await rm(measuredDir, { recursive: true, force: true });
const rows = seed === undefined ? undefined : await remake(seed);
const failure = runs(
  process.execPath,
  [join(root, 'node_modules/vitest/vitest.mjs'), 'run', 'test/parity/families'],
  root,
  {
    ORT_DISABLE_TELEMETRY: '1',
    ...(rows && { IRIS_PARITY_ROWS: rows }),
  },
);
const found = await measured();
const table = tableOf(found);
console.log(table);
if (failure) throw new Error(failure);
await requireAll(found);
if (rows === undefined) await writeTable(table);
else
  console.log(
    `All ${found.length} rows of seed ${seed ?? ''} agree; ${Math.round(process.uptime())} seconds.`,
  );

/** Makes the rows anew in a scratch folder, which then has all of them. */
async function remake(seed: string): Promise<string> {
  const out = join(root, 'test/output/rows');
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  const python = process.env['IRIS_PYTHON'] ?? 'python3';
  const failed = runs(python, ['-u', '-m', 'reference', '--seed', seed, '--out', out], parity, {
    PYTHONHASHSEED: '0',
  });
  if (failed)
    throw new Error(
      `${failed}. Expected a Python with what models/export/requirements.txt pins; IRIS_PYTHON names another.`,
    );
  if (seed === committedSeed) await requireCommitted(out);
  return out;
}

/** The goldens must be the committed ones. ONNX files need not: their weights are within rounding of each other. */
async function requireCommitted(out: string): Promise<void> {
  const golden = async (place: string, name: string): Promise<unknown> =>
    JSON.parse(await readFile(join(place, name, 'golden.json'), 'utf8'));
  const different: string[] = [];
  for (const name of await readdir(committed)) {
    const difference = differs(await golden(out, name), await golden(committed, name));
    if (difference) different.push(`${name}/golden.json${difference}`);
  }
  if (different.length > 0)
    throw new Error(
      `Remade with seed ${committedSeed}, these are others than committed:\n${different.join('\n')}`,
    );
}

/** Runs to the end; what went wrong in words, or undefined. */
function runs(command: string, args: string[], cwd: string, env: Record<string, string>): string | undefined {
  const { status, error } = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: 'inherit',
  });
  if (status === 0) return undefined;
  return `${command} ${args.join(' ')} failed: ${error?.message ?? `exit ${status ?? '?'}`}`;
}

/** Throws where a row was not compared, or nothing wrong was shown to miss. */
async function requireAll(all: readonly Measured[]): Promise<void> {
  const whole = new Set(
    all.filter(({ compared, control }) => compared.length > 0 && control.what).map(({ row }) => row),
  );
  const missing = (await readdir(committed)).filter((name) => !whole.has(name));
  if (missing.length > 0)
    throw new Error(`Not compared, or without a negative control: ${missing.join(', ')}.`);
}

/** Where two goldens differ: whole numbers and texts must be equal, other numbers within 1e-5 of their size. */
function differs(a: unknown, b: unknown, path = ''): string | undefined {
  if (typeof a === 'number' && typeof b === 'number') {
    const whole = Number.isInteger(a) && Number.isInteger(b);
    const near = whole ? a === b : Math.abs(a - b) <= 1e-5 * Math.max(1, Math.abs(b));
    return near ? undefined : `${path}: ${a} instead of ${b}`;
  }
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null)
    return a === b ? undefined : `${path}: ${JSON.stringify(a)} instead of ${JSON.stringify(b)}`;
  const [found, expected] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = new Set([...Object.keys(found), ...Object.keys(expected)]);
  return [...keys]
    .map((key) => differs(found[key], expected[key], `${path}.${key}`))
    .find((x) => x !== undefined);
}

async function measured(): Promise<Measured[]> {
  const files = await readdir(measuredDir).catch((): string[] => []);
  return Promise.all(
    files.sort().map(async (file) => JSON.parse(await readFile(join(measuredDir, file), 'utf8')) as Measured),
  );
}

function tableOf(all: Measured[]): string {
  const head = ['row', 'compared', 'largest difference', 'pixels (of 255)', 'closest negative control'];
  const lines = all.map(({ row, compared, difference, pixels, control }) => [
    row,
    compared.join(', '),
    difference.toExponential(1),
    pixels.toFixed(2),
    `${control.difference.toPrecision(2)}: ${control.what}`,
  ]);
  // A bar within a cell, as in p(text | image), would begin another.
  const row = (cells: string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [head, head.map(() => '---'), ...lines].map(row).join('\n');
}

/** Puts the table between its two marks. */
async function writeTable(rows: string): Promise<void> {
  const file = join(root, 'docs/models.md');
  const text = await readFile(file, 'utf8');
  const parts = /^([^]*<!-- parity -->\n)[^]*(\n<!-- \/parity -->[^]*)$/.exec(text);
  if (!parts)
    throw new Error(
      `${file} has no place for the table: <!-- parity --> and <!-- /parity --> were expected.`,
    );
  await writeFile(file, `${parts[1] ?? ''}\n${rows}\n${parts[2] ?? ''}`);
  const prettier = join(root, 'node_modules/prettier/bin/prettier.cjs');
  const failed = runs(process.execPath, [prettier, '--write', '--log-level', 'warn', file], root, {});
  if (failed) throw new Error(failed);
}
