import { expect, it } from 'vitest';
import { eigenvalues, inverse } from '../numeric/decompositions.ts';
import {
  frobeniusNorm,
  type Matrix,
  multiply,
  scale,
  subtract,
  trace,
  transpose,
  zeros,
} from '../numeric/matrix.ts';
import { randomStream } from '../numeric/random.ts';
import { type HeadMatrices, headMatrices } from './head-matrices.ts';
import { headSpectra, randomHead } from './head-spectra.ts';
import { openModel } from './model.ts';
import { smallCheckpoint } from './test-support.ts';

const [k, d] = [6, 20];

function gaussian(rows: number, columns: number, index: number): Matrix {
  const { data } = zeros(rows, columns);
  return { rows, columns, data: randomStream(5, 'test of spectra', index).normals(data) };
}

const head: HeadMatrices = {
  Q: gaussian(k, d, 0),
  K: gaussian(k, d, 1),
  V: gaussian(k, d, 2),
  O: gaussian(d, k, 3),
};

it('agrees with the d × d matrices themselves', () => {
  const { Q, K, V, O } = head;
  const B = scale(1 / Math.sqrt(k), multiply(transpose(Q), K));
  const norm = frobeniusNorm(B);
  const spectra = headSpectra(head);
  expect(spectra.skewShare).toBeCloseTo(
    frobeniusNorm(subtract(B, transpose(B))) ** 2 / (4 * norm ** 2),
    12,
  );
  expect(spectra.selfAttraction).toBeCloseTo(trace(B) / (norm * Math.sqrt(k)), 12);
  const large = (matrix: Matrix) => {
    const { real, imaginary } = eigenvalues(matrix);
    const moduli = real.map((x, i) => Math.hypot(x, imaginary[i]));
    const kept = [...real].filter((_, i) => moduli[i] > 1e-6);
    return { radius: Math.max(...moduli), share: kept.filter((x) => x < 0).length / kept.length };
  };
  const values = large(multiply(O, V));
  expect(spectra.radius).toBeCloseTo(values.radius, 10);
  expect(spectra.contracting).toBe(values.share);
  expect(spectra.repelling).toBe(large(B).share);
});

it('does not change with the gauge of a head', () => {
  const G = gaussian(k, k, 4);
  const { Q, K, V, O } = head;
  const changed = headSpectra({
    Q: multiply(G, Q),
    K: multiply(transpose(inverse(G)), K),
    V: multiply(G, V),
    O: multiply(O, inverse(G)),
  });
  for (const [name, value] of Object.entries(headSpectra(head))) {
    expect(changed[name as keyof typeof changed], name).toBeCloseTo(value, 9);
  }
});

it('knows V = ±I and symmetric scores', () => {
  const V = gaussian(k, d, 6);
  const identity = { V, O: multiply(transpose(V), inverse(multiply(V, transpose(V)))) };
  const symmetric = headSpectra({ Q: V, K: V, ...identity });
  expect(symmetric).toMatchObject({ contracting: 0, repelling: 0 });
  expect(symmetric.radius).toBeCloseTo(1, 12);
  expect(symmetric.skewShare).toBeCloseTo(0, 12);
  const opposed = headSpectra({ Q: V, K: scale(-1, V), V, O: scale(-1, identity.O) });
  expect(opposed).toMatchObject({ contracting: 1, repelling: 1 });
  expect(opposed.selfAttraction).toBeCloseTo(-symmetric.selfAttraction, 12);
});

it('is half skew and half negative for random weights of large width', () => {
  const wide = {
    Q: gaussian(8, 400, 0),
    K: gaussian(8, 400, 1),
    V: gaussian(8, 400, 2),
    O: gaussian(400, 8, 3),
  };
  const draws = Array.from({ length: 40 }, (_, i) => headSpectra(randomHead(wide, 1, i)));
  const mean = (name: keyof (typeof draws)[0]) =>
    draws.reduce((sum, spectra) => sum + spectra[name], 0) / draws.length;
  expect(mean('skewShare')).toBeCloseTo(0.5, 1);
  expect(Math.abs(mean('selfAttraction'))).toBeLessThan(0.02);
  expect(mean('contracting')).toBeCloseTo(0.5, 1);
  const [one] = draws;
  expect(one).toEqual(headSpectra(randomHead(wide, 1, 0)));
  expect(frobeniusNorm(randomHead(wide, 1, 3).Q)).toBeCloseTo(frobeniusNorm(wide.Q), 10);
});

it.each(['bert', 'gpt2', 'llama', 'modernbert', 'dinov2'])(
  'takes the heads of %s apart',
  async (name) => {
    const model = openModel(await smallCheckpoint(name));
    const layer = await model.layer(1);
    const heads = headMatrices(layer);
    const { attention } = layer.plan.options;
    expect(heads).toHaveLength(attention.heads);
    for (const { Q, K, V, O } of heads) {
      expect([Q.columns, K.columns, V.columns, O.rows]).toEqual(
        Array(4).fill(model.blueprint.dimension),
      );
      expect([K.rows, O.columns]).toEqual([Q.rows, V.rows]);
    }
    const { keyHeads = attention.heads } = attention;
    if (keyHeads < attention.heads) expect(heads[1].K).toEqual(heads[0].K);
    expect(heads[0].Q).not.toEqual(heads[1].Q);
  },
);
