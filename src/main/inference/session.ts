/**
 * The only importer of ONNX Runtime: opens a model file on one execution provider and runs it.
 *
 * [Note: telemetry] Recent builds of the runtime carry an uploader, which `ORT_DISABLE_TELEMETRY=1` turns
 * off. It must be set before the library is loaded, so the library is imported late and after the check.
 *
 * [Note: float16] The binding reads a `Float16Array` as zero bytes long ("not enough space", onnxruntime
 * pull request 32323), and its JavaScript half turns every float16 tensor into one where the class exists.
 * It looks for the class once, with the first tensor; that one is made while the class is hidden, and from
 * then on float16 travels as `Uint16Array`.
 */
import type * as Ort from 'onnxruntime-node';
import { AppError, reasonOf } from '../../shared/errors.ts';
import type { Feed } from './tensors.ts';

/** What comes out; it can be fed again. `dispose` it as soon as it has been read: it may be GPU memory. */
export type Tensor = Ort.Tensor;

export interface Session {
  /** Declared inputs: name to element type, such as `int64`. */
  readonly inputs: ReadonlyMap<string, string>;
  readonly outputs: readonly string[];
  readonly provider: string;
  /** Whether some outputs stay in GPU memory, where JavaScript cannot read them. */
  readonly keepsOnDevice: boolean;
  /** Runs once; `fetches` names the outputs wanted (all by default). Throws the runtime's own error. */
  run(
    feeds: Readonly<Record<string, Feed | Tensor>>,
    fetches?: readonly string[],
  ): Promise<Record<string, Tensor>>;
  close(): Promise<void>;
}

export interface SessionOptions {
  provider: string;
  /** CPU threads inside one operator. */
  threads: number;
  /** Outputs that stay in GPU memory when the provider has its own, such as a decoder's cache. */
  keepOnDevice?: (output: string) => boolean;
}

/** GPU providers by platform, best first; see docs/architecture.md. */
const preferred: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  win32: ['dml', 'webgpu'],
  linux: ['cuda', 'webgpu'],
  darwin: ['coreml', 'webgpu'],
};

/** What to do where a provider that the runtime names cannot be opened. */
const remedies: Partial<Record<string, string>> = {
  cuda: '. CUDA libraries are not part of the install; ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install adds them',
};

let runtime: Promise<typeof Ort> | undefined;

/** Loads the native library once. Throws AppError('internal') where its telemetry is not turned off. */
function loadRuntime(): Promise<typeof Ort> {
  if (process.env['ORT_DISABLE_TELEMETRY'] !== '1') {
    throw new AppError('internal', 'ORT_DISABLE_TELEMETRY=1 must be set before ONNX Runtime is loaded.');
  }
  runtime ??= import('onnxruntime-node').then((ort) => {
    ort.env.logLevel = 'error';
    useRawFloat16(ort);
    return ort;
  });
  return runtime;
}

/** See [Note: float16]. */
function useRawFloat16(ort: typeof Ort): void {
  const hidden = Object.getOwnPropertyDescriptor(globalThis, 'Float16Array');
  Reflect.deleteProperty(globalThis, 'Float16Array');
  try {
    new ort.Tensor('float32', new Float32Array(1), [1]).dispose();
  } finally {
    if (hidden) Object.defineProperty(globalThis, 'Float16Array', hidden);
  }
}

/** What the installed runtime offers on this machine, in the order to try; `cpu` is always last. */
export async function providers(): Promise<string[]> {
  const ort = await loadRuntime();
  const offered = new Set(ort.listSupportedBackends().map((backend) => backend.name));
  const wanted = preferred[process.platform] ?? [];
  return [...wanted.filter((name) => offered.has(name)), 'cpu'];
}

/**
 * Opens an ONNX file by its path, or a small graph by its bytes. Throws AppError('model') when it cannot be
 * opened or the provider is not there: some would otherwise fall back to the CPU with a console warning.
 */
export async function openSession(model: string | Uint8Array, options: SessionOptions): Promise<Session> {
  const ort = await loadRuntime();
  const offered = await providers();
  if (!offered.includes(options.provider)) {
    throw new AppError('model', `No provider "${options.provider}" here; there is ${offered.join(', ')}.`);
  }
  try {
    const session = await create(ort, model, settingsFor(options));
    const kept =
      options.provider === 'webgpu' ? session.outputNames.filter(options.keepOnDevice ?? (() => false)) : [];
    if (kept.length === 0) return wrap(ort, session, options.provider, false);
    // The names are only known now; a second session leaves these outputs where they were computed.
    await session.release();
    const preferredOutputLocation = Object.fromEntries(kept.map((name) => [name, 'gpu-buffer' as const]));
    const keeping = await create(ort, model, { ...settingsFor(options), preferredOutputLocation });
    return wrap(ort, keeping, options.provider, true);
  } catch (error) {
    const name = typeof model === 'string' ? model : 'a built-in graph';
    const message = `Cannot open ${name} on ${options.provider}: ${inWords(error)}${remedies[options.provider] ?? ''}`;
    throw new AppError('model', message, { cause: error });
  }
}

/** The runtime's own words, without the place in its source and the condition that begin them. */
function inWords(error: unknown): string {
  return reasonOf(error).replace(/^\/\S+:\d+ .*? was false\. /, '');
}

type Settings = Ort.InferenceSession.SessionOptions;

function create(
  ort: typeof Ort,
  model: string | Uint8Array,
  settings: Settings,
): Promise<Ort.InferenceSession> {
  // Two overloads, which a union does not match.
  return typeof model === 'string'
    ? ort.InferenceSession.create(model, settings)
    : ort.InferenceSession.create(model, settings);
}

function settingsFor(options: SessionOptions): Settings {
  return {
    executionProviders: [options.provider],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    // Threads that wait by spinning take the cores from the other lanes: with two busy cores, a vision batch
    // took 450 ms and 225 ms of CPU with spinning, 280 ms and 140 ms without.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  };
}

function wrap(
  ort: typeof Ort,
  session: Ort.InferenceSession,
  provider: string,
  keepsOnDevice: boolean,
): Session {
  const toTensor = (value: Feed | Tensor): Tensor => ('location' in value ? value : makeTensor(ort, value));
  return {
    provider,
    keepsOnDevice,
    inputs: new Map(session.inputMetadata.map((input) => [input.name, input.isTensor ? input.type : ''])),
    outputs: session.outputNames,
    async run(feeds, fetches = session.outputNames) {
      const tensors = Object.fromEntries(
        Object.entries(feeds).map(([name, value]) => [name, toTensor(value)]),
      );
      return session.run(tensors, fetches);
    },
    close: () => session.release(),
  };
}

function makeTensor(ort: typeof Ort, { type, data, dims }: Feed): Tensor {
  // See [Note: float16].
  const raw =
    data instanceof Float16Array ? new Uint16Array(data.buffer, data.byteOffset, data.length) : data;
  return new ort.Tensor(type, raw as Float32Array, dims);
}
