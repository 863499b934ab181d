import type { ControlModel } from '../../control/control-model.ts';
import { partOf } from '../../control/parameters.ts';
import {
  initialiseParameters,
  matricesOfHeads,
  parametersFromMatrices,
} from '../../field/parameters.ts';
import type { Backend } from '../../kernels/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import { explicitModel } from './control-instance.ts';
import type { ControlProblems } from './control-problems.ts';

/**
 * Where bounds along a path are nearly attained: one sequence that is surely taken for the wrong of two classes, so that its
 * residual is √2 long, and a layer held (λ = 40) near `f(h) = h`, which stretches every costate alike. Its three tokens differ
 * by a tenth.
 *
 * @param along - by how much all tokens are moved along `Uᵀr`, the direction in which the loss grows fastest
 */
export function surelyWrongModel(
  backend: Backend,
  given: ControlProblems,
  options: { readonly seed: number; readonly layers: number; readonly along?: number },
): ControlModel {
  const { seed, layers, along = 0 } = options;
  const x = 1 + along;
  const model = explicitModel(
    backend,
    {
      ...given,
      h0: [
        [
          [x, 0],
          [x, 0.1],
          [x, -0.1],
        ],
      ],
      labels: [1],
      U: [
        [2, 0],
        [-2, 0],
      ],
      ...{ pooling: 'mean', activation: 'tanh', regularisation: 40, horizon: 1 },
    },
    {
      ...{ layers, seed, frozen: ['readout'] },
      referenceOf(field) {
        const layer = initialiseParameters(field, randomStream(seed, 'layer near the identity'));
        const { blocks } = field.parameters;
        return layer.map((entry, e) => {
          const block = blocks.find(({ offset, rows, columns }) => {
            return offset <= e && e < offset + rows * columns;
          });
          if (block?.name !== 'attention.V') return 0.2 * entry;
          const at = e - block.offset;
          const row = Math.floor(at / block.columns) % block.columns;
          return row === at % block.columns ? 1 / given.heads : 0;
        });
      },
    },
  );
  setEveryLayer(model, model.problem.penalty.reference ?? []);
  return model;
}

/**
 * Where comparing θ* with θ_ref = 0 loses little: an exclusive-or of two signs, which no linear layer can tell and which the
 * readout, of a third coordinate, does not see at θ = 0; at a λ near the one where leaving 0 no longer pays. Every layer
 * starts at `h_3 ← 0.9 − tanh(h_1 + h_2 + 1) + tanh(h_1 + h_2 − 1)`, which tells the two classes.
 */
export function exclusiveOrModel(
  backend: Backend,
  given: ControlProblems,
  layers: number,
): ControlModel {
  const model = explicitModel(
    backend,
    {
      ...given,
      h0: [[[1, 1, 0]], [[-1, -1, 0]], [[1, -1, 0]], [[-1, 1, 0]]],
      labels: [0, 0, 1, 1],
      U: [
        [0, 0, 2],
        [0, 0, -2],
      ],
      ...{ pooling: 'mean', activation: 'tanh', regularisation: 0.2 },
      ...{ horizon: 1, heads: 1, keyDimension: 1, hidden: 2 },
    },
    { layers, seed: 0, frozen: ['readout'] },
  );
  const { field } = model.problem;
  const zero = Array.from({ length: 3 }, () => [0, 0, 0]);
  const layer = parametersFromMatrices(field, {
    ...matricesOfHeads([{ Q: [[0, 0, 0]], K: [[0, 0, 0]], V: zero }], 'attention'),
    'feedForward.W1': [
      [1, 1, 0],
      [1, 1, 0],
    ],
    'feedForward.b1': [1, -1],
    'feedForward.W2': [
      [0, 0],
      [0, 0],
      [-1, 1],
    ],
    'feedForward.b2': [0, 0, 0.9],
  });
  setEveryLayer(model, layer);
  return model;
}

function setEveryLayer({ problem, parameters }: ControlModel, layer: ArrayLike<number>): void {
  const { layout } = problem;
  const nodes = partOf(layout, parameters, 'controls');
  for (let k = 0; k < layout.layers; k++) nodes.set(layer, k * layout.parametersPerLayer);
}
