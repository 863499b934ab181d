import { expect, it } from 'vitest';
import { directionalDerivative } from '../flow/finite-difference.ts';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { particles } from '../law/law.ts';
import { tiltedMean } from '../law/tilt.ts';
import { multiplyVector, toRows } from '../numeric/matrix.ts';
import { createGaussianMap } from './gaussian-map.ts';
import { ensembleInputs } from './inputs.ts';
import {
  ensembleLayout,
  headAt,
  headScoreMatrix,
  mobilities,
  randomEnsemble,
} from './parameters.ts';
import { createParticleMap } from './particle-map.ts';
import { normals, randomGaussians, randomInputs } from './test-support.ts';
import { squareLoss } from './token-loss.ts';

const backend = await createWasmBackend();
const layout = ensembleLayout({ dimension: 2, keyDimension: 2, layers: 3, heads: 4 });

function relativeError(derivative: number, expected: number): number {
  return Math.abs(derivative - expected) / Math.max(1e-12, Math.abs(expected));
}

it.each([false, true])('differentiates the particle map exactly, affine part: %s', (affine) => {
  const shape = ensembleLayout({ ...layout, affine });
  const inputs = randomInputs(1, 3, 2);
  const map = createParticleMap(backend, { layout: shape, inputs });
  const loss = squareLoss([normals(1, 2), normals(2, 2), normals(3, 2)], 2);
  const theta = randomEnsemble(shape, 1);
  const gradient = new Float64Array(theta.length);
  map.differentiate(theta, loss.costate, gradient);
  for (let seed = 0; seed < 3; seed++) {
    const direction = normals(10 + seed, theta.length);
    const { derivative } = directionalDerivative(
      () => loss.value(map.forward(theta)),
      theta,
      direction,
    );
    const expected = direction.reduce((sum, entry, i) => sum + entry * gradient[i], 0);
    expect(relativeError(derivative, expected)).toBeLessThan(1e-8);
  }
});

it('differentiates the Gaussian map exactly', () => {
  const map = createGaussianMap({ layout, inputs: randomGaussians(1, 3) });
  const loss = squareLoss([normals(1, 2), normals(2, 2), normals(3, 2)], 2);
  const theta = randomEnsemble(layout, 1);
  const gradient = new Float64Array(theta.length);
  map.differentiate(theta, loss.costate, gradient);
  for (let seed = 0; seed < 3; seed++) {
    const direction = normals(10 + seed, theta.length);
    const { derivative } = directionalDerivative(
      () => loss.value(map.forward(theta)),
      theta,
      direction,
    );
    const expected = direction.reduce((sum, entry, i) => sum + entry * gradient[i], 0);
    expect(relativeError(derivative, expected)).toBeLessThan(1e-8);
  }
});

it('gives the derivative in every context point and token', () => {
  const inputs = randomInputs(2, 2, 2);
  const loss = squareLoss([normals(1, 2), normals(2, 2)], 2);
  const theta = randomEnsemble(layout, 2);
  const { tokens, contexts } = createParticleMap(backend, { layout, inputs }).initialCostates(
    theta,
    loss.costate,
  );
  const value = () =>
    backend.scoped(() => loss.value(createParticleMap(backend, { layout, inputs }).forward(theta)));
  inputs.contexts.forEach(({ points }, s) => {
    for (let i = 0; i < points.data.length; i++) {
      const direction = new Float64Array(points.data.length);
      direction[i] = 1;
      const { derivative } = directionalDerivative(value, points.data, direction);
      expect(derivative).toBeCloseTo(contexts[s][i >> 1][i & 1], 9);
    }
    for (let a = 0; a < 2; a++) {
      const { derivative } = directionalDerivative(value, inputs.tokens[s] as Float64Array, [
        1 - a,
        a,
      ]);
      expect(derivative).toBeCloseTo(tokens[s][a], 9);
    }
  });
});

it('does not depend on the order of heads, nor of context points', () => {
  const inputs = randomInputs(3, 2, 2);
  const theta = randomEnsemble(layout, 3);
  const permuted = new Float64Array(theta.length);
  for (let l = 0; l < layout.layers; l++) {
    for (let h = 0; h < layout.heads; h++) {
      const from = headAt(layout, theta, l, h);
      const to = headAt(layout, permuted, l, (h + 1 + l) % layout.heads);
      to.Q.data.set(from.Q.data);
      to.K.data.set(from.K.data);
      to.V.data.set(from.V.data);
    }
  }
  const reversed = {
    ...inputs,
    contexts: inputs.contexts.map((law) =>
      particles(toRows(law.points).reverse(), law.weights.slice().reverse()),
    ),
  };
  const plain = createParticleMap(backend, { layout, inputs });
  const expected = plain.forward(theta);
  const others = [
    plain.forward(permuted),
    createParticleMap(backend, { layout, inputs: reversed }).forward(theta),
  ];
  for (const other of others) {
    other.forEach((x, i) => {
      expect(x).toBeCloseTo(expected[i], 13);
    });
  }
});

it('treats weights as repeated points, and pads contexts of different sizes', () => {
  const points = [
    [0.3, -1],
    [1.2, 0.4],
    [-0.6, 0.5],
  ];
  const weighted = particles(points, [0.5, 0.25, 0.25]);
  const repeated = particles([points[0], ...points]);
  const token = [0.7, -0.2];
  const theta = randomEnsemble(layout, 4);
  const inputs = { dimension: 2, contexts: [weighted, repeated], tokens: [token, token] };
  const map = createParticleMap(backend, {
    layout,
    inputs: { ...inputs, tokens: inputs.tokens.map((x) => Float64Array.from(x)) },
  });
  const finals = map.forward(theta);
  for (let a = 0; a < 2; a++) expect(finals[2 + a]).toBeCloseTo(finals[a], 13);
});

it('moves a token among Gaussians by tilted means, and covariances by congruence', () => {
  const one = ensembleLayout({ ...layout, layers: 1 });
  const inputs = randomGaussians(5, 1);
  const theta = randomEnsemble(one, 5);
  const [x] = inputs.tokens;
  const expected = x.slice();
  for (let h = 0; h < one.heads; h++) {
    const head = headAt(one, theta, 0, h);
    const mean = tiltedMean(inputs.contexts[0], multiplyVector(headScoreMatrix(head), x));
    multiplyVector(head.V, mean).forEach((entry, a) => {
      expected[a] += entry / one.heads;
    });
  }
  const finals = createGaussianMap({ layout: one, inputs }).forward(theta);
  finals.forEach((entry, a) => {
    expect(entry).toBeCloseTo(expected[a], 12);
  });
});

it('gives heads the mobility LH and the affine part L', () => {
  const shape = ensembleLayout({
    dimension: 1,
    keyDimension: 1,
    layers: 2,
    heads: 3,
    affine: true,
  });
  const values = Array.from(mobilities(shape));
  expect(values.slice(0, 9)).toEqual(new Array(9).fill(6));
  expect(values.slice(9, 11)).toEqual([2, 2]);
  expect(values.length).toBe(22);
});

it('refuses bad input', () => {
  expect(() => ensembleInputs([], [])).toThrow('contexts');
  expect(() => ensembleInputs([{ points: [] }], [[1]])).toThrow('contexts[0].points');
  expect(() => ensembleInputs([{ points: [[1], [2]], weights: [0.5, 0.6] }], [[1]])).toThrow(
    'sum to 1',
  );
  expect(() => ensembleInputs([{ points: [[1, 2]] }], [[1]])).toThrow('tokens[0]');
  expect(() => ensembleInputs([{ points: [[1, 2]] }, { points: [[1]] }], [[1, 2], [1]])).toThrow(
    'contexts[1]',
  );
  expect(() => ensembleLayout({ ...layout, layers: 4096, heads: 100_000 })).toThrow(
    /4915200000 parameters/,
  );
  const inputs = randomGaussians(1, 1);
  expect(() => createGaussianMap({ layout: { ...layout, affine: true }, inputs })).toThrow(
    'affine',
  );
});
