/**
 * What whole commands cost with given models: time on the clock, CPU time, and the memory of the largest process.
 * `IRIS_MODELS` holds model folders, as `models/export` writes them, with `:` between. Linux only: reads /proc.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { readManifest } from '../src/main/inference/manifest.ts';
import { places } from '../src/main/lib/places.ts';

const cli = path.join(places.root, 'src/main/cli.ts');
const photos = 6;
const ticksASecond = 100;

export async function benchCommands(): Promise<void> {
  const work = mkdtempSync(path.join(tmpdir(), 'iris-bench-commands-'));
  const folder = path.join(work, 'photos');
  const names = readdirSync(places.samples).filter((name) => /\.jpg$/.test(name));
  for (const name of names.slice(0, photos)) cpSync(path.join(places.samples, name), path.join(folder, name));
  const photo = path.join(folder, names[0] ?? '');
  const rows: Record<string, Record<string, string>> = {};
  for (const dir of modelFolders()) {
    const { id } = await readManifest(dir);
    const iris = ['--library', path.join(work, id)];
    for (const { args, said } of await commandsOf(dir, folder, photo)) {
      const { seconds, cpuSeconds, peakBytes } = await measure([...iris, ...args], said);
      rows[`${id}: iris ${shown(args)}`] = {
        'on the clock': `${seconds.toFixed(1)} s`,
        'CPU time': `${cpuSeconds.toFixed(1)} s`,
        'largest process': `${(peakBytes / 1e9).toFixed(2)} GB`,
      };
    }
  }
  console.log(`${photos} photos of the samples; load ${loadavg()[0]?.toFixed(1) ?? ''}`);
  console.table(rows);
  rmSync(work, { recursive: true });
}

function modelFolders(): string[] {
  const folders = process.env['IRIS_MODELS']?.split(':') ?? [];
  if (folders.length === 0) throw new Error('IRIS_MODELS: expected model folders, with ":" between them.');
  return folders;
}

interface Command {
  args: string[];
  /** What is typed while it runs. */
  said?: string;
}

/** Adding it, and what it can do. */
async function commandsOf(dir: string, folder: string, photo: string): Promise<Command[]> {
  const { id, embed, generate } = await readManifest(dir);
  const tasks = generate && 'tasks' in generate ? generate.tasks : undefined;
  const can = (task: 'caption' | 'ask' | 'chat'): boolean =>
    generate !== undefined && (tasks?.includes(task) ?? true);
  const use = (role: string): Command => ({ args: ['models', 'use', role, id] });
  const index: Command = { args: ['index', ...(can('caption') ? [] : ['--no-captions']), folder] };
  return [
    { args: ['models', 'add', dir] },
    ...(embed ? [use('search'), index, { args: ['search', 'a', 'dog', 'on', 'a', 'bench'] }] : []),
    ...(can('caption')
      ? [
          use('caption'),
          index,
          { args: ['caption', photo] },
          { args: ['caption', photo, '--prompt', 'a photo of'] },
        ]
      : []),
    ...(can('chat') ? [use('chat')] : []),
    ...(can('ask') ? [{ args: ['ask', photo, 'what is it?'] }] : []),
    ...(can('chat') ? [{ args: ['chat', photo], said: 'what is it?\nwhat colour is it?\n' }] : []),
  ];
}

const shown = (args: string[]): string => args.map((arg) => path.basename(arg)).join(' ');

interface Cost {
  seconds: number;
  cpuSeconds: number;
  peakBytes: number;
}

/** Runs the command line to its end. Throws where it ends with an error. */
async function measure(args: string[], said = ''): Promise<Cost> {
  const start = performance.now();
  const before = cpuOfChildren();
  const child = spawn(process.execPath, [cli, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stdin.end(said);
  let peakBytes = 0;
  const watch = setInterval(() => (peakBytes = Math.max(peakBytes, largest(child.pid ?? 0))), 50);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearInterval(watch);
  if (code !== 0) throw new Error(`iris ${args.join(' ')} ended with exit code ${code ?? 'none'}: ${out}`);
  const seconds = (performance.now() - start) / 1000;
  return { seconds, cpuSeconds: cpuOfChildren() - before, peakBytes };
}

/** CPU seconds of processes that have ended below this one: fields 16 and 17 of /proc/self/stat. */
function cpuOfChildren(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[13]) + Number(fields[14])) / ticksASecond;
}

/** The most memory that `pid` or a process below it has had resident. */
function largest(pid: number): number {
  try {
    const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
    const below = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
    return Math.max(Number(peak) * 1024, ...below.map(largest));
  } catch {
    return 0; // It has ended.
  }
}
