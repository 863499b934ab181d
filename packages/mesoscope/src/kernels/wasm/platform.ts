/**
 * The few places where Node and a browser differ. Nothing is imported: Node's modules are asked for at run time, so that
 * the library loads in a browser without a bundler's help.
 */

/** A started worker thread. */
export interface WorkerThread {
  post(message: unknown): void;
  /** Lets the process end although the worker waits. */
  release(): void;
  terminate(): void;
}

interface NodeProcess {
  readonly versions: Readonly<Record<string, string>>;
  getBuiltinModule?(name: string): unknown;
}

interface NodeWorker {
  on(event: 'message' | 'error' | 'exit', listener: (value: unknown) => void): void;
  postMessage(message: unknown): void;
  unref(): void;
  terminate(): void;
}

interface NodeWorkerThreads {
  readonly Worker: new (source: string, options: { readonly eval: boolean }) => NodeWorker;
}

interface NodeV8 {
  setFlagsFromString(flags: string): void;
}

const node = (globalThis as { readonly process?: NodeProcess }).process;

function builtin<T>(name: string): T | undefined {
  return node?.getBuiltinModule?.(name) as T | undefined;
}

/**
 * Turns relaxed SIMD on where it is off by default and can be turned on: Node 20 and 21. The flag does not exist from
 * Node 22 on, and V8 would complain about it.
 */
export function enableRelaxedSimd(): void {
  if (Number.parseInt(node?.versions.node ?? '', 10) > 21) return;
  builtin<NodeV8>('node:v8')?.setFlagsFromString('--experimental-wasm-relaxed-simd');
}

/** Whether memory can be shared between threads (in a browser: whether the page is cross-origin isolated). */
export function canShareMemory(): boolean {
  const isolated = (globalThis as { readonly crossOriginIsolated?: boolean }).crossOriginIsolated;
  return typeof SharedArrayBuffer === 'function' && isolated !== false;
}

/** Whether this thread may sleep in `Atomics.wait`; a browser's main thread may not. */
export function canWait(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * Starts a worker that runs `source`, a classic script. Throws where workers cannot be started.
 *
 * @param onMessage called with each message of the worker
 * @param onDeath called once when the worker ends or fails
 */
export function startWorker(
  source: string,
  onMessage: (message: unknown) => void,
  onDeath: (reason: string) => void,
): WorkerThread {
  const threads = builtin<NodeWorkerThreads>('node:worker_threads');
  if (threads !== undefined) {
    const worker = new threads.Worker(source, { eval: true });
    worker.on('message', onMessage);
    worker.on('error', (error) => onDeath(String(error)));
    worker.on('exit', (code) => onDeath(`it ended with code ${code}`));
    return {
      post: (message) => worker.postMessage(message),
      release: () => worker.unref(),
      terminate: () => worker.terminate(),
    };
  }
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  const worker = new Worker(url);
  worker.onmessage = ({ data }) => {
    URL.revokeObjectURL(url);
    onMessage(data);
  };
  worker.onerror = ({ message }) => onDeath(message);
  return {
    post: (message) => worker.postMessage(message),
    release: () => {},
    terminate: () => worker.terminate(),
  };
}
