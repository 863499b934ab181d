import {
  createParticleMap,
  ensembleInputs,
  ensembleLayout,
  sampledInputs,
  squareLoss,
} from 'mesoscope/ensemble';
import { attention } from 'mesoscope/field';
import { createFlow, euler, piecewiseConstantControls, uniformGrid } from 'mesoscope/flow';
import { createHeadProblem, headLaw, headLength, sequenceData } from 'mesoscope/heads';
import {
  type Backend,
  createReferenceBackend,
  createWasmBackend,
  type FloatArray,
  literal,
  ProgramBuilder,
  packTokens,
  stateLength,
  unpackTokens,
} from 'mesoscope/kernels';
import { addonState, createNativeBackend } from 'mesoscope-native';
import type { Contender } from './contender.ts';
import type {
  AttentionFlowWorkload,
  CovarianceWorkload,
  EnsembleWorkload,
  HeadsWorkload,
  Inputs,
  ProductWorkload,
  SinkhornWorkload,
  Workload,
} from './workloads.ts';

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
  return contender('mesoscope wasm', backend, workload, inputs);
}

/** Our native backend, where its addon is there. */
export function nativeContender(
  workload: Workload,
  inputs: Inputs,
  precision: 'f64' | 'f32',
  threads: number,
): Contender | undefined {
  if (addonState().addon === undefined) return undefined;
  const backend = createNativeBackend({ precision, threads });
  return contender('mesoscope native', backend, workload, inputs);
}

function contender(words: string, backend: Backend, workload: Workload, inputs: Inputs): Contender {
  const { precision, threads } = backend;
  const job = prepare(backend, workload, inputs);
  return {
    name: `${words} ${precision}${threads > 1 ? `, ${threads} threads` : ''}`,
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

/**
 * What every contender must agree with: the reference backend's output; where that would take a minute or more
 * (W3, W4, W5-1024, W9), the strict build's, which the conformance suite holds to the reference.
 */
export async function referenceOutput(workload: Workload, inputs: Inputs): Promise<Float64Array> {
  const backend = ['W3', 'W4', 'W5-1024', 'W9'].includes(workload.id)
    ? await createWasmBackend({ build: 'strict' })
    : createReferenceBackend();
  const job = prepare(backend, workload, inputs);
  job.run();
  const output = job.output();
  backend.dispose();
  return output;
}

function prepare(backend: Backend, workload: Workload, inputs: Inputs): Job {
  switch (workload.kind) {
    case 'attention-flow':
      return attentionFlow(backend, workload, inputs);
    case 'product':
      return squareProduct(backend, workload, inputs);
    case 'covariance-flow':
      return covarianceFlow(backend, workload, inputs);
    case 'sinkhorn':
      return sinkhorn(backend, workload, inputs);
    case 'heads-step':
      return headsStep(backend, workload, inputs);
    case 'ensemble-step':
      return ensembleStep(backend, workload, inputs);
  }
}

/** Nodes are per layer [Q, K, V(, O)], each row-major: the field's parameter layout. */
function attentionFlow(backend: Backend, w: AttentionFlowWorkload, inputs: Inputs): Job {
  const { batch, tokens, dimension, heads, key, value, layers, output } = w;
  const field = attention({ dimension, heads, keyDimension: key, valueDimension: value, output });
  const flow = createFlow(backend, { field, tokens, samples: batch, scheme: euler });
  const grid = uniformGrid(w.horizon, layers);
  const nodes = backend.allocate(layers * field.parameters.length);
  for (const { name, offset, rows, columns } of field.parameters.blocks) {
    const size = rows * columns;
    for (let l = 0; l < layers; l++) {
      nodes.set(
        inputs[name].subarray(l * size, (l + 1) * size),
        l * field.parameters.length + offset,
      );
    }
  }
  const controls = piecewiseConstantControls(grid, field.parameters.length, nodes);
  const initial = packTokens(
    nested(inputs.h0, batch, tokens, dimension),
    backend.allocate(batch * flow.stateLength),
  );
  const last = backend.allocate(batch * flow.stateLength);
  const costate = backend.allocate(batch * flow.stateLength);
  const gradient = backend.allocate(nodes.length);
  return {
    run: () =>
      backend.scoped(() => {
        const trajectory = flow.forward({
          grid,
          controls,
          initial,
          checkpoints: w.gradient ? 'all' : 'ends',
        });
        last.set(trajectory.last);
        if (!w.gradient) return;
        gradient.fill(0);
        costate.set(flow.backward({ trajectory, terminalCostate: last, gradient }).initial);
      }),
    output: () => {
      const shape = { samples: batch, tokens, dimension };
      const parts = [unpackTokens(last, shape).flat(2)];
      if (w.gradient) {
        parts.push(unpackTokens(costate, shape).flat(2));
        for (const { offset, rows, columns } of field.parameters.blocks) {
          for (let l = 0; l < layers; l++) {
            const from = l * field.parameters.length + offset;
            parts.push(Array.from(gradient.subarray(from, from + rows * columns)));
          }
        }
      }
      return Float64Array.from(parts.flat());
    },
  };
}

function squareProduct(backend: Backend, w: ProductWorkload, inputs: Inputs): Job {
  const builder = new ProgramBuilder();
  const a = builder.parameters('shared', 'a', w.size, w.size);
  const b = builder.state('shared', 'b', w.size, w.size);
  const c = builder.state('sample', 'c', w.size, w.size);
  builder.product(a, b, { into: c });
  const multiply = backend.compile(builder.program());
  const buffers = {
    a: backend.allocate(w.size ** 2),
    b: backend.allocate(w.size * b.stride),
    c: backend.allocate(w.size * c.stride),
  };
  buffers.a.set(inputs.a);
  for (let i = 0; i < w.size; i++) {
    buffers.b.set(inputs.b.subarray(i * w.size, (i + 1) * w.size), i * b.stride);
  }
  return {
    run: () => multiply({ samples: 1, buffers }),
    output: () => {
      const flat = new Float64Array(w.size ** 2);
      for (let i = 0; i < w.size; i++) {
        flat.set(buffers.c.subarray(i * c.stride, i * c.stride + w.size), i * w.size);
      }
      return flat;
    },
  };
}

/** Points lie along the columns, in blocks of one sample each so that threads share them. */
function covarianceFlow(backend: Backend, w: CovarianceWorkload, inputs: Inputs): Job {
  const { points, dimension: d, heads, steps } = w;
  const block = 64;
  const blocks = points / block;
  const shapes = { m: d, S: d * d, V: heads * d * d, B: heads * d * d, W: d * d, b: d };
  const builder = new ProgramBuilder();
  const refs = Object.fromEntries(
    Object.entries(shapes).map(([name, rows]) => [
      name,
      builder.state('sample', name, rows, block),
    ]),
  );
  builder.gaussianMoments({
    dimension: d,
    heads,
    steps,
    tau: literal(w.horizon / steps),
    mean: refs.m,
    covariance: refs.S,
    V: refs.V,
    B: refs.B,
    W: refs.W,
    b: refs.b,
  });
  const flow = backend.compile(builder.program());
  const buffers: Record<string, FloatArray> = {};
  for (const [name, rows] of Object.entries(shapes))
    buffers[name] = backend.allocate(blocks * rows * refs[name].stride);
  const load = (name: 'm' | 'S' | 'V' | 'B' | 'W' | 'b') => {
    const rows = shapes[name];
    const { stride } = refs[name];
    for (let p = 0; p < points; p++) {
      const at = Math.floor(p / block) * rows * stride + (p % block);
      for (let i = 0; i < rows; i++) buffers[name][at + i * stride] = inputs[name][p * rows + i];
    }
  };
  for (const name of ['V', 'B', 'W', 'b'] as const) load(name);
  return {
    run: () => {
      load('m');
      load('S');
      flow({ samples: blocks, buffers });
    },
    output: () => {
      const flat: number[] = [];
      for (const name of ['m', 'S'] as const) {
        const rows = shapes[name];
        const { stride } = refs[name];
        for (let p = 0; p < points; p++) {
          const at = Math.floor(p / block) * rows * stride + (p % block);
          for (let i = 0; i < rows; i++) flat.push(buffers[name][at + i * stride]);
        }
      }
      return Float64Array.from(flat);
    },
  };
}

/** The rows of a pass lie in blocks of one sample each; a pass's results are the next one's shared potential. */
function sinkhorn(backend: Backend, w: SinkhornWorkload, inputs: Inputs): Job {
  const { points, dimension, iterations } = w;
  const block = 40;
  const builder = new ProgramBuilder();
  builder.pairwiseLogSumExp({
    x: builder.state('sample', 'x', dimension, block),
    y: builder.state('shared', 'y', dimension, points),
    potential: builder.state('shared', 'potential', 1, points),
    logWeights: builder.state('shared', 'logWeights', 1, points),
    previous: builder.state('sample', 'previous', 1, block),
    out: builder.state('sample', 'out', 1, block),
    epsilon: literal(w.epsilon),
  });
  const pass = backend.compile(builder.program());
  const cloud = (flat: Float64Array) => {
    const rows = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) =>
        Array.from(flat.subarray((from + i) * dimension, (from + i + 1) * dimension)),
      );
    const blocks = Array.from({ length: points / block }, (_, b) => rows(b * block, block));
    return {
      whole: packTokens([rows(0, points)], backend.allocate(stateLength(dimension, points))),
      blocks: packTokens(blocks, backend.allocate(blocks.length * stateLength(dimension, block))),
    };
  };
  const x = cloud(inputs.x);
  const y = cloud(inputs.y);
  const f = backend.allocate(points);
  const g = backend.allocate(points);
  const logWeights = backend.allocate(points).fill(-Math.log(points));
  const samples = points / block;
  return {
    run: () => {
      f.fill(0);
      g.fill(0);
      for (let i = 0; i < iterations; i++) {
        pass({
          samples,
          buffers: { x: x.blocks, y: y.whole, potential: g, logWeights, previous: f, out: f },
        });
        pass({
          samples,
          buffers: { x: y.blocks, y: x.whole, potential: f, logWeights, previous: g, out: g },
        });
      }
    },
    output: () => Float64Array.from([...f, ...g]),
  };
}

/** Heads lie one after the other, each as [Q, K, V]. */
function headsStep(backend: Backend, w: HeadsWorkload, inputs: Inputs): Job {
  const { heads, sequences, tokens, dimension: d, key, classes, regularisation } = w;
  const shape = { dimension: d, keyDimension: key, classes };
  const sizes = { Q: key * d, K: key * d, V: classes * d };
  const length = headLength(shape);
  const parameters = new Float64Array(heads * length);
  for (let i = 0; i < heads; i++) {
    let at = i * length;
    for (const name of ['Q', 'K', 'V'] as const) {
      parameters.set(inputs[name].subarray(i * sizes[name], (i + 1) * sizes[name]), at);
      at += sizes[name];
    }
  }
  const labels = Array.from({ length: sequences }, (_, s) =>
    Array.from(inputs.labels.subarray(s * tokens, (s + 1) * tokens)),
  );
  const data = sequenceData(nested(inputs.x, sequences, tokens, d), labels, classes);
  const problem = createHeadProblem(backend, data, { regularisation, keyDimension: key });
  const law = headLaw(shape, parameters);
  const gradient = new Float64Array(parameters.length);
  return {
    run: () => {
      problem.firstVariation(problem.linearise(law), parameters, gradient);
    },
    output: () => gradient.slice(),
  };
}

function ensembleStep(backend: Backend, w: EnsembleWorkload, inputs: Inputs): Job {
  const { layers, heads, contexts, points, dimension: d, key } = w;
  const layout = ensembleLayout({ dimension: d, keyDimension: key, layers, heads });
  const rows = (flat: Float64Array) => nested(flat, contexts, flat.length / contexts / d, d);
  const pairs = sampledInputs(
    ensembleInputs(
      rows(inputs.points).map((cloud) => ({ points: cloud })),
      rows(inputs.tokens).map(([token]) => token),
    ),
    { points },
  );
  const map = createParticleMap(backend, { layout, inputs: pairs });
  const loss = squareLoss(
    rows(inputs.targets).map(([target]) => target),
    d,
  );
  const sizes = { Q: heads * key * d, K: heads * key * d, V: heads * d * d };
  const theta = new Float64Array(layout.length);
  for (let l = 0; l < layers; l++) {
    let at = l * layout.layerLength;
    for (const name of ['Q', 'K', 'V'] as const) {
      theta.set(inputs[name].subarray(l * sizes[name], (l + 1) * sizes[name]), at);
      at += sizes[name];
    }
  }
  const gradient = new Float64Array(layout.length);
  return {
    run: () => {
      map.differentiate(theta, loss.costate, gradient);
    },
    output: () => gradient.slice(),
  };
}

function nested(
  flat: Float64Array,
  samples: number,
  tokens: number,
  dimension: number,
): number[][][] {
  return Array.from({ length: samples }, (_, s) =>
    Array.from({ length: tokens }, (_, i) => {
      const from = (s * tokens + i) * dimension;
      return Array.from(flat.subarray(from, from + dimension));
    }),
  );
}
