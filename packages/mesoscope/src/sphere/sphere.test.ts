import { describe, expect, it } from 'vitest';
import { tangent } from '../field/tangent.ts';
import { piecewiseConstantControls } from '../flow/controls.ts';
import { createFlow } from '../flow/flow.ts';
import { uniformGrid } from '../flow/grid.ts';
import { dormandPrince, euler, heun, rk4 } from '../flow/scheme.ts';
import { stateLength } from '../kernels/program.ts';
import { createReferenceBackend } from '../kernels/reference/backend.ts';
import { packTokens, unpackTokens } from '../kernels/tokens.ts';
import { randomStream } from '../numeric/random.ts';
import { dot, norm } from '../numeric/vector.ts';
import {
  ambientField,
  followTokens,
  plainAttention,
  type SphereAttention,
  sphereVelocity,
} from './attention.ts';
import {
  angleBetween,
  angularDiameter,
  clusterCurve,
  clusterSizes,
  interactionEnergy,
  orderParameter,
  pairAngles,
} from './observables.ts';
import { circleTokens, equiangularTokens, onSphere, uniformTokens } from './tokens.ts';

const backend = createReferenceBackend();
const stream = randomStream(7, 'sphere tests');
const square = () => [0, 1, 2].map(() => [0, 1, 2].map(() => stream.normal()));
const heads = [0, 1].map(() => ({ B: square(), V: square() }));
const tokens = uniformTokens(stream, 5, 3);

/** `P^⊥ Σ_h V_h Σ_j w_ij x_j`, loop by loop. */
function velocityByHand({ kind, causal, heads }: SphereAttention, x: readonly number[][]) {
  return x.map((xi, i) => {
    const seen = causal ? x.slice(0, i + 1) : x;
    const f = [0, 0, 0];
    for (const { B, V } of heads) {
      const Bx = B.map((row) => dot(row, xi));
      const weights = seen.map((xj) => Math.exp(dot(Bx, xj)));
      const total = kind === 'softmax' ? weights.reduce((a, b) => a + b) : x.length;
      const mean = [0, 1, 2].map((a) =>
        seen.reduce((sum, xj, j) => sum + (weights[j] / total) * xj[a], 0),
      );
      V.forEach((row, a) => {
        f[a] += dot(row, mean);
      });
    }
    const along = dot(f, xi);
    return f.map((entry, a) => entry - along * xi[a]);
  });
}

describe('velocity', () => {
  const cases: SphereAttention[] = [
    { kind: 'softmax', causal: false, heads },
    { kind: 'softmax', causal: true, heads },
    { kind: 'unnormalised', causal: false, heads },
    { kind: 'unnormalised', causal: true, heads: heads.slice(1) },
  ];
  it.each(cases)('of $kind attention, causal: $causal, loop by loop', (attention) => {
    const expected = velocityByHand(attention, tokens);
    const velocity = sphereVelocity(backend, attention, tokens);
    for (const [i, row] of velocity.entries()) {
      for (const [a, entry] of row.entries()) expect(entry).toBeCloseTo(expected[i][a], 12);
    }
  });
});

describe('the geometric scheme', () => {
  const attention: SphereAttention = { kind: 'softmax', causal: false, heads };
  const end = (scheme: typeof rk4, steps: number) => {
    const { states } = followTokens(backend, { attention, tokens, horizon: 1, steps, scheme });
    return states[states.length - 1];
  };
  const exact = end(dormandPrince, 512);
  it.each([
    [euler, 64],
    [heun, 32],
    [rk4, 16],
    [dormandPrince, 64],
  ])('$name has its order, and ends on the sphere to rounding', (scheme, steps) => {
    const [coarse, fine] = [end(scheme, steps), end(scheme, 2 * steps)].map((state) => {
      for (const x of state) expect(Math.abs(norm(x) - 1)).toBeLessThan(4 * Number.EPSILON);
      return Math.max(...state.map((x, i) => angleBetween(x, exact[i])));
    });
    expect(Math.abs(Math.log2(coarse / fine) - scheme.order)).toBeLessThan(0.3);
  });

  it('has an exact adjoint', () => {
    const { field, parameters } = ambientField(attention);
    const shape = { samples: 1, tokens: 5, dimension: 3 };
    const flow = createFlow(backend, {
      ...{ field: tangent(field), tokens: 5, samples: 1, scheme: heun, sphere: true },
    });
    const nodes = backend.allocate(parameters.length);
    nodes.set(parameters);
    const controls = piecewiseConstantControls(uniformGrid(1, 1), parameters.length, nodes);
    const state = (x: readonly (readonly number[])[]) =>
      packTokens([x], backend.allocate(stateLength(3, 5)));
    const run = (x: readonly (readonly number[])[]) =>
      flow.forward({ grid: uniformGrid(1, 4), controls, initial: state(x) });
    const costate = uniformTokens(stream, 5, 3);
    const pairing = (x: readonly (readonly number[])[]) =>
      unpackTokens(run(x).last, shape)[0].reduce((sum, row, i) => sum + dot(row, costate[i]), 0);
    const { initial } = flow.backward({ trajectory: run(tokens), terminalCostate: state(costate) });
    const gradient = unpackTokens(initial, shape)[0];
    for (const [i, row] of gradient.entries()) {
      for (const [a, entry] of row.entries()) {
        const moved = (s: number) =>
          tokens.map((x, j) => x.map((one, b) => (i === j && a === b ? one + s : one)));
        const difference = (pairing(moved(1e-5)) - pairing(moved(-1e-5))) / 2e-5;
        expect(entry).toBeCloseTo(difference, 8);
      }
    }
  });

  it('meets the closed form of two tokens without scores: tan(φ/2) falls like e^{−t}', () => {
    const two = circleTokens([0, 2]);
    const { states } = followTokens(backend, {
      ...{ attention: plainAttention(2, 0), tokens: two, horizon: 2, steps: 200 },
    });
    const [x, y] = states[200];
    expect(Math.tan(angleBetween(x, y) / 2)).toBeCloseTo(Math.tan(1) * Math.exp(-2), 9);
  });
});

describe('observables', () => {
  it('measures small angles to rounding', () => {
    const [x, y] = circleTokens([0, 1e-9]);
    expect(angleBetween(x, y) / 1e-9).toBeCloseTo(1, 6);
    expect(angleBetween([1, 0], [-1, 0])).toBeCloseTo(Math.PI, 14);
  });
  it('joins chains into clusters', () => {
    const chain = circleTokens([0, 0.1, 0.2, 1, 1.05, 3]);
    expect(clusterSizes(chain, 0.11)).toEqual([3, 2, 1]);
    expect(clusterCurve(chain, [0.01, 0.06, 0.11, 0.9, 2])).toEqual([6, 5, 3, 2, 1]);
    expect(pairAngles(chain)).toHaveLength(15);
    expect(angularDiameter(chain)).toBeCloseTo(3, 12);
  });
  it('knows one point, opposite points and the energy of both', () => {
    const one = [1, 2, 3].map(() => [0, 1]);
    expect(orderParameter(one)).toBe(1);
    expect(orderParameter(circleTokens([0, Math.PI]))).toBeLessThan(1e-15);
    const B = [
      [2, 0],
      [0, 2],
    ];
    expect(interactionEnergy(B, one, 2)).toBeCloseTo(0.5, 14);
    const opposite = circleTokens([0, Math.PI]);
    expect(interactionEnergy(B, opposite, 0)).toBeCloseTo((Math.exp(2) + Math.exp(-2)) / 4, 13);
  });
});

describe('tokens', () => {
  it.each([-1 / 3, -0.2, 0, 0.7, 1])('are equiangular with ρ = %s', (rho) => {
    const x = equiangularTokens(stream, 4, rho);
    for (const i of [0, 1, 2]) expect(dot(x[i], x[i + 1])).toBeCloseTo(rho, 14);
  });
  it('have directions, whatever their size', () => {
    expect(onSphere([[3e-320, 0]])).toEqual([[1, 0]]);
    expect(norm(onSphere([[1e308, 1e308]])[0])).toBeCloseTo(1, 15);
    expect(() => onSphere([[0, 0]])).toThrow(/its direction counts/);
    expect(() => equiangularTokens(stream, 4, -0.4)).toThrow(/−1\/\(n − 1\)/);
  });
});
