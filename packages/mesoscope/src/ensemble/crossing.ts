import { gaussian } from '../law/law.ts';
import { randomStream } from '../numeric/random.ts';
import { kernelSpectrum } from './attention-kernel.ts';
import { createGaussianMap } from './gaussian-map.ts';
import { ensembleInputs } from './inputs.ts';
import { followKernels, type KernelHistory } from './kernel-history.ts';
import { ensembleLayout, headsAt, randomEnsemble } from './parameters.ts';
import type { EnsembleState } from './token-map.ts';

/** A training that starts close to dependence. */
export interface CrossingCase {
  readonly history: KernelHistory;
  /** `D_s = m_1 w_2 − m_2 w_1`, `w_i = σ_i² x_i`, at each observed time (rows) and depth (columns). */
  readonly determinants: readonly (readonly number[])[];
  /** Where D first has another sign than at the start at the same depth; undefined if it keeps all. */
  readonly crossing?: {
    readonly index: number;
    readonly layer: number;
    /** λ_min/λ_max of the kernel where D = 0, found by bisection between the two observations. */
    readonly kernel: number;
    readonly rootLoss: number;
  };
}

const layers = 8;
const heads = 16;
const distance = 0.02;

/**
 * Two Gaussian contexts N(m_i, σ_i²) on the line. A head's gradients `V: m_i + B w_i`, `Q, K: V w_i (K, Q)` are linear in
 * `(m_i, w_i)`, `w_i = σ_i² x_i`, so the kernel at depth s is singular exactly where `D_s = m_1 w_2 − m_2 w_1` vanishes:
 * one equation, which a path through training can meet. The start is a distance ±δ from it, the targets far.
 */
export function crossingCase(
  seed: number,
  index: number,
  sign: number,
  steps: number,
): CrossingCase {
  const stream = randomStream(seed, 'near-dependent pair', index);
  const variances = [0.5 + stream.uniform(), 0.5 + stream.uniform()];
  const tokens = [1 + stream.uniform(), -1 - stream.uniform()];
  const second = stream.normal();
  const first = (second * variances[0] * tokens[0]) / (variances[1] * tokens[1]) + sign * distance;
  const inputs = ensembleInputs(
    [gaussian([first], [[variances[0]]]), gaussian([second], [[variances[1]]])],
    tokens.map((x) => [x]),
  );
  const targets = tokens.map((x) => Float64Array.of(x + 2 * stream.normal()));
  const layout = ensembleLayout({ dimension: 1, keyDimension: 1, layers, heads });
  const map = createGaussianMap({ layout, inputs });
  const determinants: number[][] = [];
  const parameters: Float64Array[] = [];
  const history = followKernels(map, targets, {
    start: randomEnsemble(layout, seed + index, { queryKey: 0.5, value: 0.5 }),
    steps,
    observeEvery: 1,
    observe(states, theta) {
      determinants.push(Array.from({ length: layers }, (_, l) => determinant(states[l])));
      parameters.push(theta.slice());
    },
  });
  const changed = determinants.findIndex((row) => changedLayer(row, determinants[0]) >= 0);
  if (changed < 0) return { history, determinants };
  const layer = changedLayer(determinants[changed], determinants[0]);
  const before = Math.sign(determinants[changed - 1][layer]);
  let [low, high] = [0, 1];
  const between = (t: number) =>
    parameters[changed].map((x, i) => t * x + (1 - t) * parameters[changed - 1][i]);
  for (let turn = 0; turn < 60; turn++) {
    const middle = (low + high) / 2;
    const value = determinant(map.states(between(middle))[layer]);
    if (Math.sign(value) === before) low = middle;
    else high = middle;
  }
  const theta = between(high);
  const { smallest, largest } = kernelSpectrum(
    headsAt(layout, theta, layer),
    map.states(theta)[layer],
  );
  const rootLoss = Math.sqrt(history.losses[changed]);
  return {
    history,
    determinants,
    crossing: { index: changed, layer, kernel: Math.max(smallest, 0) / largest, rootLoss },
  };
}

function changedLayer(row: readonly number[], first: readonly number[]): number {
  return row.findIndex((value, l) => Math.sign(value) !== Math.sign(first[l]));
}

function determinant({ contexts, tokens }: EnsembleState): number {
  const [one, two] = contexts.map((law, i) =>
    law.kind === 'gaussian' ? [law.mean[0], law.covariance.data[0] * tokens[i][0]] : [],
  );
  return one[0] * two[1] - two[0] * one[1];
}
