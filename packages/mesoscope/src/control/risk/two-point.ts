import { attention } from '../../field/attention.ts';
import { parametersFromMatrices } from '../../field/parameters.ts';
import { uniformGrid } from '../../flow/grid.ts';
import type { Backend } from '../../kernels/backend.ts';
import { logGamma } from '../../numeric/special-functions.ts';
import type { ControlModel } from '../control-model.ts';
import { createControlProblem } from '../create-problem.ts';
import { partOf } from '../parameters.ts';

/** Logits are ± this times the state: the softmax has decided, so that losses are 0 or the difference of the logits. */
const readout = 10;

/**
 * One token that attends to itself, `ḣ = V h` in R^d, of equally likely inputs, read by its first coordinate as logits ±10 h_1. The
 * population on which the inequalities of risk are nearly sharp: the loss takes two values as far apart as they can be.
 *
 * @param options.inputs one token of d numbers each
 * @param options.labels a class, 0 or 1, for each input
 */
export function tokenPopulation(
  backend: Backend,
  options: {
    readonly inputs: readonly (readonly number[])[];
    readonly labels: readonly number[];
    /** V, d × d. */
    readonly V: readonly (readonly number[])[];
    /** L. */
    readonly layers: number;
  },
): ControlModel {
  const { inputs, labels, V, layers } = options;
  const dimension = inputs[0].length;
  const field = attention({ dimension, heads: 1, keyDimension: 1 });
  const problem = createControlProblem(backend, {
    field,
    grid: uniformGrid(1, layers),
    tokens: 1,
    samples: inputs.length,
    classes: 2,
    pooling: 'last',
  });
  const zeros = V.map(() => 0);
  const layer = parametersFromMatrices(field, { Q: [[zeros]], K: [[zeros]], V: [V] });
  const parameters = backend.allocate(problem.layout.length);
  const nodes = partOf(problem.layout, parameters, 'controls');
  for (let k = 0; k < layers; k++) nodes.set(layer, k * layer.length);
  partOf(problem.layout, parameters, 'readout').set(
    [readout, -readout].flatMap((size) => zeros.map((_, i) => (i === 0 ? size : 0))),
  );
  return { problem, parameters, batch: { samples: inputs.length, states: inputs.flat(), labels } };
}

/** One input under both labels, which moves by `ḣ = growth·h`. */
export function twoPointPopulation(
  backend: Backend,
  options: { readonly growth: number; readonly layers: number },
): ControlModel {
  const { growth, layers } = options;
  return tokenPopulation(backend, { inputs: [[1], [1]], labels: [0, 1], V: [[growth]], layers });
}

/**
 * The exact probability that the mean of N draws of two equally likely values is farther than `distance` from `target`:
 * sums of binomial probabilities.
 */
export function missProbability(options: {
  readonly values: readonly [number, number];
  readonly samples: number;
  readonly target: number;
  readonly distance: number;
}): number {
  const { values, samples: N, target, distance } = options;
  let miss = 0;
  for (let k = 0; k <= N; k++) {
    const mean = values[0] + (k / N) * (values[1] - values[0]);
    if (Math.abs(mean - target) <= distance) continue;
    const logChoose = logGamma(N + 1) - logGamma(k + 1) - logGamma(N - k + 1);
    miss += Math.exp(logChoose - N * Math.LN2);
  }
  return miss;
}
