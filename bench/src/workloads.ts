import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomStream } from 'mesoscope/numeric';

/** Euler steps of softmax attention heads on a batch of sequences; `gradient`: and the adjoint of ½|h_T|². */
export interface AttentionFlowWorkload {
  readonly kind: 'attention-flow';
  readonly id: string;
  readonly description: string;
  readonly batch: number;
  readonly tokens: number;
  readonly dimension: number;
  readonly heads: number;
  readonly key: number;
  readonly value: number;
  readonly layers: number;
  readonly horizon: number;
  /** true: heads are joined by an output matrix; false: they are summed. */
  readonly output: boolean;
  readonly gradient: boolean;
}

export interface ProductWorkload {
  readonly kind: 'product';
  readonly id: string;
  readonly description: string;
  readonly size: number;
}

export interface CovarianceWorkload {
  readonly kind: 'covariance-flow';
  readonly id: string;
  readonly description: string;
  readonly points: number;
  readonly dimension: number;
  readonly heads: number;
  readonly steps: number;
  readonly horizon: number;
}

/** Alternating soft minima of the cost ½|x − y|² between two clouds of equal size, in the logarithmic domain. */
export interface SinkhornWorkload {
  readonly kind: 'sinkhorn';
  readonly id: string;
  readonly description: string;
  readonly points: number;
  readonly dimension: number;
  readonly iterations: number;
  readonly epsilon: number;
}

/** One full gradient of the N-head risk of paper B in all heads, times N. */
export interface HeadsWorkload {
  readonly kind: 'heads-step';
  readonly id: string;
  readonly description: string;
  readonly heads: number;
  readonly sequences: number;
  readonly tokens: number;
  readonly dimension: number;
  readonly key: number;
  readonly classes: number;
  readonly regularisation: number;
}

/** Forward pass and gradient of paper D's law of heads on pairs of a context and a token, square loss. */
export interface EnsembleWorkload {
  readonly kind: 'ensemble-step';
  readonly id: string;
  readonly description: string;
  readonly layers: number;
  readonly heads: number;
  readonly contexts: number;
  readonly points: number;
  readonly dimension: number;
  readonly key: number;
}

export type Workload =
  | HeadsWorkload
  | EnsembleWorkload
  | AttentionFlowWorkload
  | ProductWorkload
  | CovarianceWorkload
  | SinkhornWorkload;

/** Named dense float64 arrays, tokens along rows as a Python user would lay them out. */
export type Inputs = Readonly<Record<string, Float64Array>>;

const W2 = {
  kind: 'attention-flow',
  batch: 16,
  tokens: 64,
  dimension: 16,
  heads: 8,
  key: 16,
  value: 16,
  layers: 64,
  horizon: 1,
  output: false,
} as const;

export const workloads: readonly Workload[] = [
  {
    kind: 'attention-flow',
    id: 'W1',
    description: 'forward flow, one sequence, n=32 d=2 H=4 L=100',
    batch: 1,
    tokens: 32,
    dimension: 2,
    heads: 4,
    key: 2,
    value: 2,
    layers: 100,
    horizon: 1,
    output: false,
    gradient: false,
  },
  { ...W2, id: 'W2', description: 'forward flow, B=16 n=64 d=16 H=8 k=16 L=64', gradient: false },
  {
    kind: 'attention-flow',
    id: 'W3',
    description: 'forward flow, B=4 n=512 d=64 H=8 k=8 L=12',
    batch: 4,
    tokens: 512,
    dimension: 64,
    heads: 8,
    key: 8,
    value: 8,
    layers: 12,
    horizon: 1,
    output: true,
    gradient: false,
  },
  {
    ...W2,
    id: 'W4',
    description: 'W2 and its adjoint: gradients of all Q, K, V and h0',
    gradient: true,
  },
  { kind: 'product', id: 'W5-256', description: 'square product, 256', size: 256 },
  { kind: 'product', id: 'W5-1024', description: 'square product, 1024', size: 1024 },
  {
    kind: 'covariance-flow',
    id: 'W6',
    description: 'Gaussian moment flow, 4,096 points of d=4, 500 RK4 steps',
    points: 4096,
    dimension: 4,
    heads: 1,
    steps: 500,
    horizon: 1,
  },
  {
    kind: 'sinkhorn',
    id: 'W7-1000',
    description: 'log-domain Sinkhorn, 1,000 points of d=2, 100 iterations',
    points: 1000,
    dimension: 2,
    iterations: 100,
    epsilon: 0.1,
  },
  {
    kind: 'sinkhorn',
    id: 'W7-10000',
    description: 'log-domain Sinkhorn, 10,000 points of d=2, 1 iteration',
    points: 10_000,
    dimension: 2,
    iterations: 1,
    epsilon: 0.1,
  },
  {
    kind: 'heads-step',
    id: 'W8',
    description: 'gradient in 4,096 heads, 64 sequences of 16 tokens, d=8 k=4 C=16',
    heads: 4096,
    sequences: 64,
    tokens: 16,
    dimension: 8,
    key: 4,
    classes: 16,
    regularisation: 0.01,
  },
  {
    kind: 'ensemble-step',
    id: 'W9',
    description: 'gradient of L=16 x H=64 heads, 64 contexts of 32 points, d=8 k=8',
    layers: 16,
    heads: 64,
    contexts: 64,
    points: 32,
    dimension: 8,
    key: 8,
  },
];

/** Workloads of the papers' layers run in double precision only. */
export function precisionsOf(workload: Workload): readonly ('f64' | 'f32')[] {
  const doubleOnly = workload.kind === 'heads-step' || workload.kind === 'ensemble-step';
  return doubleOnly ? ['f64'] : ['f64', 'f32'];
}

/** The inputs of a workload, the same for all contenders. */
export function inputsOf(workload: Workload): Inputs {
  const normal = (name: string, length: number, scale: number) => {
    const stream = randomStream(1, `bench ${workload.id} ${name}`);
    return Float64Array.from({ length }, () => scale * stream.normal());
  };
  switch (workload.kind) {
    case 'attention-flow': {
      const { batch, tokens, dimension, heads, key, value, layers, output } = workload;
      const scale = 1 / Math.sqrt(dimension);
      return {
        h0: normal('h0', batch * tokens * dimension, 1),
        Q: normal('Q', layers * heads * key * dimension, scale),
        K: normal('K', layers * heads * key * dimension, scale),
        V: normal('V', layers * heads * value * dimension, scale / Math.sqrt(heads)),
        ...(output ? { O: normal('O', layers * dimension * heads * value, scale) } : {}),
      };
    }
    case 'product': {
      const length = workload.size ** 2;
      return { a: normal('a', length, 1), b: normal('b', length, 1) };
    }
    case 'covariance-flow': {
      const { points, dimension: d, heads } = workload;
      const S = new Float64Array(points * d * d);
      for (let p = 0; p < points; p++) for (let i = 0; i < d; i++) S[p * d * d + i * d + i] = 1;
      return {
        m: normal('m', points * d, 1),
        S,
        V: normal('V', points * heads * d * d, 0.1),
        B: normal('B', points * heads * d * d, 0.1),
        W: normal('W', points * d * d, 0.1),
        b: normal('b', points * d, 0.1),
      };
    }
    case 'heads-step': {
      const { heads, sequences, tokens, dimension: d, key, classes } = workload;
      const stream = randomStream(1, `bench ${workload.id} labels`);
      return {
        x: normal('x', sequences * tokens * d, 1),
        labels: Float64Array.from({ length: sequences * tokens }, () => stream.integer(classes)),
        Q: normal('Q', heads * key * d, 0.5),
        K: normal('K', heads * key * d, 0.5),
        V: normal('V', heads * classes * d, 0.5),
      };
    }
    case 'ensemble-step': {
      const { layers, heads, contexts, points, dimension: d, key } = workload;
      return {
        points: normal('points', contexts * points * d, 1),
        tokens: normal('tokens', contexts * d, 1),
        targets: normal('targets', contexts * d, 1),
        Q: normal('Q', layers * heads * key * d, 0.4),
        K: normal('K', layers * heads * key * d, 0.4),
        V: normal('V', layers * heads * d * d, 0.4),
      };
    }
    case 'sinkhorn': {
      const length = workload.points * workload.dimension;
      return { x: normal('x', length, 1), y: normal('y', length, 0.7) };
    }
  }
}

/** Writes the inputs as raw float64 files for contenders in other processes. */
export function writeInputs(inputs: Inputs, folder: string): void {
  for (const [name, data] of Object.entries(inputs)) {
    writeFileSync(
      join(folder, `${name}.bin`),
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    );
  }
}
