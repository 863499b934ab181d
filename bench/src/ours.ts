import {
  type Backend,
  createFlow,
  createReferenceBackend,
  createWasmBackend,
  euler,
  type Executable,
  type FloatArray,
  literal,
  type MatrixRef,
  multiHeadAttention,
  one,
  piecewiseConstantControls,
  ProgramBuilder,
  packTokens,
  uniformGrid,
  unpackTokens,
} from 'mesoscope';
import type { Contender } from './contender.ts';
import type { AttentionFlowWorkload, CovarianceWorkload, Inputs, ProductWorkload, Workload } from './workloads.ts';

/** Prepared work on one of our backends. */
interface Job {
  run(): void;
  /** Flat, in the layout of the Python peers. */
  output(): Float64Array;
}

/** Our wasm backend on a workload. */
export async function wasmContender(
  workload: Workload,
  inputs: Inputs,
  precision: 'f64' | 'f32',
  threads: number,
): Promise<Contender> {
  const backend = await createWasmBackend({ precision, threads });
  const job = prepare(backend, workload, inputs);
  return {
    name: `mesoscope wasm ${precision}${threads > 1 ? `, ${threads} threads` : ''}`,
    precision,
    threads,
    run: async (repeats) => {
      const start = performance.now();
      for (let r = 0; r < repeats; r++) job.run();
      return (performance.now() - start) / 1000 / repeats;
    },
    output: async () => job.output(),
    close: async () => backend.dispose(),
  };
}

/** The reference backend's output: what every contender must agree with. */
export function referenceOutput(workload: Workload, inputs: Inputs): Float64Array {
  const backend = createReferenceBackend();
  const job = prepare(backend, workload, inputs);
  job.run();
  return job.output();
}

function prepare(backend: Backend, workload: Workload, inputs: Inputs): Job {
  switch (workload.kind) {
    case 'attention-flow':
      return attentionFlow(backend, workload, inputs);
    case 'product':
      return squareProduct(backend, workload, inputs);
    case 'covariance-flow':
      return covarianceFlow(backend, workload, inputs);
  }
}
