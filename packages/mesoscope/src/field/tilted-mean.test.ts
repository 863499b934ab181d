import { describe, expect, test } from 'vitest';
import { randomStream } from '../numeric/random.ts';
import { attention } from './attention.ts';
import { evaluateField, pullbackField } from './evaluate.ts';
import { parametersFromMatrices } from './parameters.ts';
import {
  apply,
  inner,
  type Matrix,
  multiply,
  normalMatrix,
  reference,
  relativeDistance,
  transpose,
} from './test-support.ts';

/** Mean ȳ, covariance C and weights of the law Σ w_j δ_{z_j} tilted by e^{⟨ξ,·⟩}. */
function tilted(points: Matrix, weights: readonly number[], xi: readonly number[]) {
  const masses = points.map((z, j) => weights[j] * Math.exp(inner(xi, z)));
  const total = masses.reduce((s, m) => s + m, 0);
  const density = points.map((z) => Math.exp(inner(xi, z)) / total);
  const mean = xi.map((_, a) => points.reduce((s, z, j) => s + masses[j] * z[a], 0) / total);
  const covariance = xi.map((_, a) =>
    xi.map(
      (__, b) =>
        points.reduce((s, z, j) => s + masses[j] * (z[a] - mean[a]) * (z[b] - mean[b]), 0) / total,
    ),
  );
  return { density, mean, covariance };
}

const outer = (x: readonly number[], y: readonly number[]) => x.map((a) => y.map((b) => a * b));

describe('softmax attention through tilted means (closed-form derivatives)', () => {
  const random = randomStream(6, 'tilted');
  const [d, k, m] = [4, 3, 7];
  const context = normalMatrix(random, m, d);
  const x = normalMatrix(random, 1, d)[0];
  const weights = context.map(() => 0.1 + random.uniform());
  const sum = weights.reduce((s, w) => s + w, 0);
  const law = weights.map((w) => w / sum);
  const [Q, K, V] = [k, k, d].map((rows) => normalMatrix(random, rows, d));
  const beta = 0.7;
  const B = multiply(transpose(K), Q).map((row) => row.map((b) => beta * b));
  const p = normalMatrix(random, 1, d)[0];

  // The pair (context, token): the token comes last with weight 0 and alone carries a costate.
  const field = attention({ dimension: d, heads: 1, keyDimension: k, scale: beta });
  const given = {
    tokens: [...context, x],
    weights: [...law, 0],
    parameters: parametersFromMatrices(field, { Q, K, V }),
  };
  const costate = [...context.map((z) => z.map(() => 0)), p];
  const gradients = pullbackField(reference, field, given, costate);

  const { density, mean, covariance: C } = tilted(context, law, apply(B, x));
  const Vp = apply(transpose(V), p);
  const CVp = apply(C, Vp);

  test('Att(x) = V ȳ(Bx)', () => {
    const value = evaluateField(reference, field, given)[m];
    expect(relativeDistance(value, apply(V, mean))).toBeLessThan(1e-13);
  });

  test('D_xAttᵀ p = Bᵀ C Vᵀ p', () => {
    const expected = apply(transpose(B), CVp);
    expect(relativeDistance(gradients.state[m], expected)).toBeLessThan(1e-13);
  });

  test('context part: μ_j w_x(z_j) [Vᵀp + Bx ⟨z_j − ȳ, Vᵀp⟩]', () => {
    const Bx = apply(B, x);
    context.forEach((z, j) => {
      const slope = inner(
        z.map((v, a) => v - mean[a]),
        Vp,
      );
      const expected = Vp.map((v, a) => law[j] * density[j] * (v + Bx[a] * slope));
      expect(relativeDistance(gradients.state[j], expected)).toBeLessThan(1e-13);
    });
  });

  test('∇_V = p ȳᵀ, ∇_Q = β K C Vᵀp xᵀ, ∇_K = β Q x (C Vᵀp)ᵀ', () => {
    const expected = [
      outer(apply(K, CVp), x).map((row) => row.map((v) => beta * v)),
      outer(apply(Q, x), CVp).map((row) => row.map((v) => beta * v)),
      outer(p, mean),
    ];
    expect(relativeDistance([...gradients.parameters], expected.flat(2))).toBeLessThan(1e-13);
  });
});
