import { transformerBlock } from '../../field/transformer-block.ts';
import { uniformGrid } from '../../flow/grid.ts';
import type { Backend } from '../../kernels/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import type { ControlModel } from '../control-model.ts';
import { createControlProblem } from '../create-problem.ts';
import { initialParameters } from '../parameters.ts';

/** Tokens of 5 classes with positions, normalised attention and feed-forward part, λ = 0.1, μ = 0.05. */
export function randomGradientModel(
  backend: Backend,
  seed: number,
  index: number,
  layers: number,
): ControlModel {
  const tokens = 4;
  const samples = 3;
  const vocabulary = 5;
  const classes = 4;
  const problem = createControlProblem(backend, {
    field: transformerBlock({
      dimension: 6,
      heads: 2,
      keyDimension: 2,
      hidden: 4,
      activation: 'gelu',
      normalisation: 'rms',
    }),
    grid: uniformGrid(1, layers),
    tokens,
    samples,
    classes,
    vocabulary,
    normalisation: 'rms',
    regularisation: 0.1,
    smoothness: 0.05,
  });
  const random = randomStream(seed, 'gradient data', index);
  const draw = (below: number) =>
    Array.from({ length: samples * tokens }, () => random.integer(below));
  const batch = { samples, tokens: draw(vocabulary), labels: draw(classes) };
  const parameters = backend.allocate(problem.layout.length);
  parameters.set(initialParameters(problem.field, problem.layout, random.integer(2 ** 31)));
  return { problem, parameters, batch };
}
