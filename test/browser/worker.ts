import { conformanceCases, createWasmBackend } from 'mesoscope/kernels';
import { type TextFlowConfiguration, trainTextFlow } from 'mesoscope/task';

/** What the page is asked to do. */
export interface Request {
  readonly text: string;
  readonly configuration: TextFlowConfiguration;
}

/** What it found. */
export interface Answer {
  readonly isolated: boolean;
  readonly backend: string;
  readonly threads: number;
  readonly conformance: readonly {
    readonly name: string;
    readonly deviation: number;
    readonly tolerance: number;
  }[];
  readonly losses: readonly number[];
  readonly heldOutBits: number;
}

/** Runs the conformance cases and a small training on the strict build, whose bits are the same everywhere. */
export async function answer({ text, configuration }: Request): Promise<Answer> {
  const backend = await createWasmBackend({ build: 'strict', threads: 2, heapMegabytes: 256 });
  try {
    const conformance = conformanceCases().map((conformanceCase) => ({
      name: conformanceCase.name,
      ...conformanceCase.run(backend),
    }));
    const trained = await backend.scopedAsync(() => trainTextFlow(backend, text, configuration));
    return {
      isolated: globalThis.crossOriginIsolated === true,
      backend: backend.name,
      threads: backend.threads,
      conformance,
      losses: trained.records.map((record) => record.loss),
      heldOutBits: trained.heldOut.bits,
    };
  } finally {
    backend.dispose();
  }
}

if (typeof WorkerGlobalScope !== 'undefined') {
  globalThis.onmessage = (event: MessageEvent<Request>) => {
    answer(event.data).then(
      (value) => globalThis.postMessage({ value }),
      (error: unknown) => globalThis.postMessage({ error: String(error) }),
    );
  };
}

declare const WorkerGlobalScope: unknown;
