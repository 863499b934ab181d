import type { ControlModel } from '../../control/control-model.ts';
import { createControlProblem } from '../../control/create-problem.ts';
import { initialParameters, partOf } from '../../control/parameters.ts';
import { transformerBlock } from '../../field/transformer-block.ts';
import { uniformGrid } from '../../flow/grid.ts';
import type { Backend } from '../../kernels/backend.ts';
import { randomStream } from '../../numeric/random.ts';

/**
 * Sequences of three classes to be told apart by the mean of their last states: n = 4 tokens in R³, 6 sequences, one
 * head and a feed-forward part as controls, T = 1, a fixed readout with entries of deviation 3/√d.
 */
export function randomSequencesModel(
  backend: Backend,
  options: {
    readonly seed: number;
    readonly index: number;
    readonly layers: number;
    readonly regularisation: number;
    /** Default 0. */
    readonly smoothness?: number;
  },
): ControlModel {
  const [d, tokens, samples, classes] = [3, 4, 6, 3];
  const { seed, index, layers, regularisation, smoothness = 0 } = options;
  const problem = createControlProblem(backend, {
    field: transformerBlock({
      dimension: d,
      heads: 1,
      keyDimension: 2,
      hidden: 3,
      activation: 'tanh',
      causal: false,
      normalisation: 'none',
    }),
    grid: uniformGrid(1, layers),
    tokens,
    samples,
    classes,
    pooling: 'mean',
    regularisation,
    smoothness,
    frozen: ['readout'],
  });
  const random = randomStream(seed, 'sequences', index);
  const states = Array.from({ length: samples * tokens * d }, () => random.normal());
  const batch = { samples, states, labels: Array.from({ length: samples }, (_, s) => s % classes) };
  const start = random.integer(2 ** 31);
  const parameters = backend.allocate(problem.layout.length);
  parameters.set(initialParameters(problem.field, problem.layout, start, { readout: 3 }));
  if (smoothness > 0) {
    // Different layers would be averaged to nothing, which is near a saddle.
    const nodes = partOf(problem.layout, parameters, 'controls');
    const P = problem.layout.parametersPerLayer;
    for (let k = 1; k < layers; k++) nodes.copyWithin(k * P, 0, P);
  }
  return { problem, parameters, batch };
}
