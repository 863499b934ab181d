import { describe, expect, it } from 'vitest';
import { directionalDerivative } from '../flow/finite-difference.ts';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { box, gaussian, type Law, mixture, particles } from '../law/law.ts';
import { attentionKernel, kernelSpectrum } from './attention-kernel.ts';
import { createGaussianMap } from './gaussian-map.ts';
import { singleLayerFloor, testInjectivity } from './injectivity.ts';
import { ensembleInputs } from './inputs.ts';
import { jacobianRows, minimiseSquares } from './least-squares.ts';
import { firstVariationGradient, solveMeanField } from './mean-field-costate.ts';
import { ensembleDistance } from './movement.ts';
import { ensembleHeadLength, ensembleLayout, headsAt, randomEnsemble } from './parameters.ts';
import { createParticleMap } from './particle-map.ts';
import { normals, randomInputs } from './test-support.ts';
import { crossEntropyLoss, squareLoss } from './token-loss.ts';
import { energyRatio, trainEnsemble } from './training.ts';

const backend = await createWasmBackend();
const layout = ensembleLayout({ dimension: 2, keyDimension: 2, layers: 2, heads: 3 });

describe('the mean-field costates', () => {
  const inputs = randomInputs(1, 1, 2);
  const theta = randomEnsemble(layout, 1);
  const heads = (s: number) =>
    headsAt(layout, theta, 0).map(({ Q, K, V }) => ({
      Q: { ...Q, data: Q.data.map((x) => x * (1 + s)) },
      K,
      V,
    }));
  const target = [0.4, -0.3];
  const problem = { context: inputs.contexts[0], token: inputs.tokens[0], heads, steps: 40 };
  const costate = (x: Float64Array) => x.map((entry, a) => entry - target[a]);
  const value = () => {
    const { final } = solveMeanField(problem, costate);
    return 0.5 * final.reduce((sum, x, a) => sum + (x - target[a]) ** 2, 0);
  };

  it('are the derivative of the continuous flow in token and context points', () => {
    const { costates } = solveMeanField(problem, costate).at(0);
    const { points, weights } = problem.context;
    for (let i = 0; i < points.data.length; i++) {
      const direction = new Float64Array(points.data.length);
      direction[i] = 1;
      const { derivative } = directionalDerivative(value, points.data, direction);
      expect(derivative).toBeCloseTo(weights[i >> 1] * costates[i >> 1][i & 1], 7);
    }
    for (let a = 0; a < 2; a++) {
      const { derivative } = directionalDerivative(value, problem.token as Float64Array, [
        1 - a,
        a,
      ]);
      expect(derivative).toBeCloseTo(costates[costates.length - 1][a], 7);
    }
  });

  it('give the gradient in a head that is constant over depth', () => {
    const still = { ...problem, heads: () => headsAt(layout, theta, 0) };
    const solution = solveMeanField(still, costate);
    const head = still.heads()[1];
    const total = new Float64Array(ensembleHeadLength(layout));
    for (let m = 0; m <= 40; m++) {
      // Simpson's rule over depth; a head has mass 1/3.
      const weight = (m === 0 || m === 40 ? 1 : m % 2 === 1 ? 4 : 2) / 120 / 3;
      firstVariationGradient(head, solution.at(m), problem.context.weights).forEach((g, i) => {
        total[i] += weight * g;
      });
    }
    const direction = normals(3, 4);
    const { derivative } = directionalDerivative(
      () => {
        const { final } = solveMeanField(still, costate);
        return 0.5 * final.reduce((sum, x, a) => sum + (x - target[a]) ** 2, 0);
      },
      head.K.data,
      direction,
    );
    const expected = direction.reduce((sum, x, i) => sum + x * total[4 + i], 0);
    expect(derivative).toBeCloseTo(expected, 7);
  });
});

it('is the Gram matrix of explicit gradients', () => {
  const one = ensembleLayout({ ...layout, layers: 1 });
  const inputs = randomInputs(2, 3, 2);
  const theta = randomEnsemble(one, 2);
  const rows = jacobianRows(createParticleMap(backend, { layout: one, inputs }), theta);
  const kernel = attentionKernel(headsAt(one, theta, 0), inputs);
  rows.forEach((row, i) => {
    rows.forEach((other, j) => {
      const product = row.reduce((sum, x, a) => sum + x * other[a], 0);
      expect(one.heads * product).toBeCloseTo(kernel.data[i * 6 + j], 11);
    });
  });
});

const centred = (a: number, b: number, c: number): Law =>
  gaussian(
    [0, 0],
    [
      [a, b],
      [b, c],
    ],
  );
const cloud = (seed: number, shift = 0): Law => {
  const points = Array.from(normals(seed, 8), (x) => x + shift);
  return particles([
    points.slice(0, 2),
    points.slice(2, 4),
    points.slice(4, 6),
    points.slice(6, 8),
  ]);
};

describe('injectivity', () => {
  it.each<[string, Law[], 'independent' | 'dependent']>([
    ['discrete sets', [cloud(1), cloud(2), cloud(3)], 'independent'],
    ['boxes', [box([-1, -1], [1, 1]), box([-2, -1], [1, 1]), box([0, 0], [1, 3])], 'independent'],
    ['translates', [cloud(1), cloud(1, 0.7)], 'dependent'],
    ['three Gaussians', [centred(1, 0, 1), centred(2, 0.5, 1), centred(1, -0.3, 3)], 'independent'],
    [
      'a Gaussian triple',
      [centred(1, 0, 1), centred(2, 0.5, 1), centred(1.5, 0.25, 1)],
      'dependent',
    ],
    [
      'four Gaussians in the plane',
      [centred(1, 0, 1), centred(2, 0.5, 1), centred(1, -0.3, 3), centred(3, 1, 2)],
      'dependent',
    ],
    [
      'mixtures',
      [
        mixture([
          { weight: 0.5, law: centred(1, 0, 1) },
          {
            weight: 0.5,
            law: gaussian(
              [2, 0],
              [
                [1, 0],
                [0, 1],
              ],
            ),
          },
        ]),
        mixture([
          { weight: 0.3, law: centred(2, 0, 1) },
          {
            weight: 0.7,
            law: gaussian(
              [0, 2],
              [
                [1, 0],
                [0, 1],
              ],
            ),
          },
        ]),
      ],
      'independent',
    ],
  ])('finds %s to be what they are', (_, contexts, verdict) => {
    expect(testInjectivity(contexts).verdict).toBe(verdict);
  });

  it('sees translates apart once values are trained', () => {
    const contexts = [cloud(1), cloud(1, 0.7)];
    expect(testInjectivity(contexts, { modulo: 'constant' }).verdict).toBe('independent');
    const one = ensembleLayout({ dimension: 2, keyDimension: 2, layers: 1, heads: 32 });
    const heads = headsAt(one, randomEnsemble(one, 1), 0);
    const token = Float64Array.of(0.5, 1);
    const state = { contexts, tokens: [token, token] };
    const all = kernelSpectrum(heads, state);
    const queryKey = kernelSpectrum(heads, state, 'query-key');
    expect(all.smallest / all.largest).toBeGreaterThan(1e-6);
    expect(Math.abs(queryKey.smallest / queryKey.largest)).toBeLessThan(1e-12);
  });

  it('names the coefficients of a dependency', () => {
    const { dependencies } = testInjectivity([
      centred(1, 0, 1),
      centred(2, 0.5, 1),
      centred(1.5, 0.25, 1),
    ]);
    const [a, b, c] = dependencies.data;
    expect(a / c).toBeCloseTo(-0.5, 8);
    expect(b / c).toBeCloseTo(-0.5, 8);
  });

  it('refuses a design and a kernel that do not fit', () => {
    const contexts = new Array<Law>(20_000).fill(cloud(1));
    expect(() => testInjectivity(contexts)).toThrow('GiB');
    const tokens = contexts.map(() => Float64Array.of(1, 0));
    expect(() => attentionKernel([], { contexts, tokens })).toThrow('GiB');
  });
});

it('stalls one layer on the dependent triple at the predicted floor, and not two', () => {
  const contexts = [centred(1, 0, 1), centred(2, 0.5, 1), centred(1.5, 0.25, 1)];
  const token = [1, 0.5];
  const inputs = ensembleInputs(contexts, [token, token, token]);
  const targets = [
    [1.5, 0.2],
    [0.4, 0.9],
    [1.1, 1.3],
  ];
  const { dependencies } = testInjectivity(contexts, { modulo: 'constant' });
  const floor = singleLayerFloor(dependencies, token, targets);
  const expected = ((1.5 + 0.4 - 2.2) ** 2 + (0.2 + 0.9 - 2.6) ** 2) / 36;
  expect(floor).toBeCloseTo(expected, 12);
  const losses = [1, 2].map((layers) => {
    const shape = ensembleLayout({ dimension: 2, keyDimension: 2, layers, heads: 4 });
    const map = createGaussianMap({ layout: shape, inputs });
    return minimiseSquares({ map, targets, start: randomEnsemble(shape, 1), target: 1e-18 }).loss;
  });
  expect(Math.abs(losses[0] - floor)).toBeLessThan(1e-12);
  expect(losses[1]).toBeLessThan(1e-16);
});

it('loses what the energy identity says, to first order in the step', () => {
  const inputs = randomInputs(4, 3, 2);
  const map = createParticleMap(backend, { layout, inputs });
  const loss = squareLoss([normals(1, 2), normals(2, 2), normals(3, 2)], 2);
  const start = randomEnsemble(layout, 4);
  const errors = [0.02, 0.01].map((step) => {
    const { records } = trainEnsemble({ map, loss, start, step, steps: 1 });
    return Math.abs(energyRatio(records[0], records[1], step) - 1);
  });
  expect(errors[0]).toBeLessThan(0.2);
  expect(errors[0] / errors[1]).toBeGreaterThan(1.8);
  expect(errors[0] / errors[1]).toBeLessThan(2.2);
});

it('reads cross-entropy through a readout, with its gradient', () => {
  const readout = { rows: 3, columns: 2, data: normals(5, 6) };
  const loss = crossEntropyLoss([0, 2], readout);
  const finals = normals(6, 4);
  const direction = normals(7, 4);
  const { derivative } = directionalDerivative(() => loss.value(finals), finals, direction);
  const p = loss.costate(finals);
  expect(derivative).toBeCloseTo(
    direction.reduce((sum, x, i) => sum + x * p[i], 0),
    9,
  );
  expect(() => crossEntropyLoss([3], readout)).toThrow('targets[0]');
});

it('measures movement as the best matching of heads', () => {
  const theta = randomEnsemble(layout, 1);
  const moved = theta.map((x) => x + 0.1);
  const { distance, depths } = ensembleDistance(layout, theta, moved);
  expect(distance).toBeCloseTo(0.1 * Math.sqrt(ensembleHeadLength(layout)), 10);
  expect(depths.length).toBe(2);
});
