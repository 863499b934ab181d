import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomStream } from '../../numeric/random.ts';
import { dirac, type ParticleLaw, particles, standardGaussian } from '../law.ts';
import { sampleLaw } from '../sample.ts';
import { lineWasserstein } from './line.ts';
import { type TransportDistance, wassersteinDistance } from './transport.ts';

function randomCloud(n: number, d: number, index: number, weighted = false): ParticleLaw {
  const stream = randomStream(21, 'clouds', index);
  const points = sampleLaw(standardGaussian(d), n, stream);
  if (!weighted) return particles(points);
  const masses = stream.uniforms(new Float64Array(n));
  const sum = masses.reduce((total, mass) => total + mass, 0);
  return particles(
    points,
    masses.map((mass) => mass / sum),
  );
}

function mapped(law: ParticleLaw, map: (x: Float64Array) => ArrayLike<number>): ParticleLaw {
  const d = law.dimension;
  const rows = Array.from({ length: law.points.rows }, (_, i) =>
    map(law.points.data.slice(i * d, (i + 1) * d)),
  );
  return particles(rows, law.weights);
}

/** The certificate proves the value: feasible potentials, right marginals, no gap. */
function expectOptimal(
  result: TransportDistance,
  mu: ParticleLaw,
  nu: ParticleLaw,
  order: 1 | 2,
): void {
  const { certificate, potentials, plan } = result;
  if (certificate.kind !== 'duality') throw new Error('expected a duality certificate');
  const d = mu.dimension;
  let size = 0;
  for (let i = 0; i < mu.points.rows; i++) {
    for (let j = 0; j < nu.points.rows; j++) {
      let square = 0;
      for (let a = 0; a < d; a++)
        square += (mu.points.data[i * d + a] - nu.points.data[j * d + a]) ** 2;
      const cost = order === 2 ? square : Math.sqrt(square);
      size = Math.max(size, cost);
      expect(cost - potentials.from[i] - potentials.to[j]).toBeGreaterThanOrEqual(
        -1e-13 * (1 + size),
      );
    }
  }
  expect(Math.abs(certificate.gap)).toBeLessThan(1e-12 * (1 + size));
  expect(certificate.marginalError).toBeLessThan(1e-13);
  expect(Math.min(...plan.mass)).toBeGreaterThan(0);
}

describe('wassersteinDistance on families with known answers', () => {
  it('Dirac laws', () => {
    const [x, y] = [dirac([1, 2]), dirac([4, 6])];
    expect(wassersteinDistance(x, y, { order: 1 }).value).toBe(5);
    expect(wassersteinDistance(x, y).value).toBe(5);
    const split = particles([[0], [1]], [0.25, 0.75]);
    expect(wassersteinDistance(split, dirac([0]), { order: 1 }).value).toBe(0.75);
    expect(wassersteinDistance(split, dirac([0])).value).toBe(Math.sqrt(0.75));
  });

  it.each([1, 2] as const)('translations, W_%s', (order) => {
    for (const weighted of [false, true]) {
      const mu = randomCloud(60, 3, 1, weighted);
      const nu = mapped(mu, (x) => [x[0] + 3, x[1] - 4, x[2]]);
      const result = wassersteinDistance(mu, nu, { order });
      expect(result.value).toBeCloseTo(5, 12);
      expectOptimal(result, mu, nu, order);
    }
  });

  it('permutations', () => {
    const mu = randomCloud(80, 2, 2);
    const order = randomStream(3, 'order').shuffle(Array.from({ length: 80 }, (_, i) => i));
    const nu = particles(order.map((i) => mu.points.data.slice(2 * i, 2 * i + 2)));
    const { value, plan } = wassersteinDistance(mu, nu);
    expect(value).toBe(0);
    plan.from.forEach((i, k) => {
      expect(order[plan.to[k]]).toBe(i);
    });
  });

  it('gradients of convex functions', () => {
    // φ(x) = ½xᵀAx + Σ log cosh x_a with A ≻ 0.
    for (const weighted of [false, true]) {
      const mu = randomCloud(100, 2, 4, weighted);
      const nu = mapped(mu, ([x, y]) => [
        2 * x + 0.5 * y + Math.tanh(x),
        0.5 * x + y + Math.tanh(y),
      ]);
      const result = wassersteinDistance(mu, nu);
      expect(result.plan.from).toEqual(result.plan.to);
      let square = 0;
      mu.weights.forEach((weight, i) => {
        for (let a = 0; a < 2; a++)
          square += weight * (mu.points.data[2 * i + a] - nu.points.data[2 * i + a]) ** 2;
      });
      expect(result.value).toBeCloseTo(Math.sqrt(square), 13);
      expectOptimal(result, mu, nu, 2);
    }
  });

  it.each([1, 2] as const)('agrees with exhaustive search over permutations, W_%s', (order) => {
    for (let trial = 0; trial < 10; trial++) {
      const [mu, nu] = [randomCloud(6, 2, 100 + trial), randomCloud(6, 2, 200 + trial)];
      const cost = (i: number, j: number) =>
        Math.hypot(
          mu.points.data[2 * i] - nu.points.data[2 * j],
          mu.points.data[2 * i + 1] - nu.points.data[2 * j + 1],
        ) ** order;
      const best = Math.min(
        ...permutations(6).map((p) => p.reduce((sum, j, i) => sum + cost(i, j) / 6, 0)),
      );
      expect(wassersteinDistance(mu, nu, { order }).value ** order).toBeCloseTo(best, 13);
    }
  });

  it.each([1, 2] as const)('agrees with the line, unequal sizes and weights, W_%s', (order) => {
    for (const [n, m, weighted] of [
      [37, 50, true],
      [30, 30, true],
      [24, 36, false],
      [1, 9, true],
    ] as const) {
      const [mu, nu] = [randomCloud(n, 1, n, weighted), randomCloud(m, 1, 7 * m, weighted)];
      const result = wassersteinDistance(mu, nu, { order });
      expect(result.value).toBeCloseTo(lineWasserstein(mu, nu, { order }).value, 12);
      expectOptimal(result, mu, nu, order);
    }
  });

  it('weighted clouds in the plane have a certified optimum', () => {
    const [mu, nu] = [randomCloud(150, 2, 31, true), randomCloud(90, 2, 32, true)];
    expectOptimal(wassersteinDistance(mu, nu), mu, nu, 2);
  });

  it('points without weight and points that coincide', () => {
    const mu = particles(
      [
        [0, 0],
        [9, 9],
        [0, 0],
      ],
      [0.5, 0, 0.5],
    );
    const nu = particles(
      [
        [50, 50],
        [1, 0],
        [1, 0],
      ],
      [0, 0.3, 0.7],
    );
    const result = wassersteinDistance(mu, nu);
    expect(result.value).toBeCloseTo(1, 15);
    expectOptimal(result, mu, nu, 2);
    expect(wassersteinDistance(mu, mu).value).toBe(0);
  });

  it('is a metric', () => {
    const cloud = fc
      .array(fc.tuple(fc.integer({ min: -5, max: 5 }), fc.integer({ min: -5, max: 5 })), {
        minLength: 1,
        maxLength: 7,
      })
      .map((points) => particles(points));
    fc.assert(
      fc.property(cloud, cloud, cloud, (a, b, c) => {
        const w = (x: ParticleLaw, y: ParticleLaw) => wassersteinDistance(x, y).value;
        expect(w(a, b)).toBeCloseTo(w(b, a), 12);
        expect(w(a, c)).toBeLessThanOrEqual(w(a, b) + w(b, c) + 1e-12);
        expect(wassersteinDistance(a, b, { order: 1 }).value).toBeLessThanOrEqual(w(a, b) + 1e-12);
      }),
    );
  });

  it('refuses different dimensions and problems too large for memory', () => {
    expect(() => wassersteinDistance(dirac([0]), dirac([0, 0]))).toThrow(/shape/);
    const large = particles({ rows: 8000, columns: 1, data: new Float64Array(8000) });
    expect(() => wassersteinDistance(large, large)).toThrow(/sinkhornDivergence/);
  });
});

function permutations(n: number): number[][] {
  if (n === 0) return [[]];
  return permutations(n - 1).flatMap((p) =>
    Array.from({ length: n }, (_, k) => [...p.slice(0, k), n - 1, ...p.slice(k)]),
  );
}

describe('points far from all others', () => {
  // Numbers of a public report (GUDHI/gudhi-devel#465); value by exact arithmetic over all assignments.
  const near = {
    x: [
      [31.848084366072715, 13.489335688193515],
      [2.0486761968097342, 0.8263817764264547],
      [40.66351196001362, 45.63777886388608],
      [30.331788788358992, 36.47482804919992],
      [27.181249573271142, 46.75362118938841],
    ],
    y: [
      [1.4159835572731483, 6.214163824978197],
      [14.985594526869239, 21.134361059882924],
      [43.15894611749433, 27.073061012454584],
      [42.870213829378464, 1.6792787652732177],
      [36.4827753714722, 8.78278103012795],
    ],
  };

  it.each([1e3, 1e8, 1e12, 1e16, 1e100])(
    'at distance %f: the value of the others is not lost',
    (far) => {
      const x = particles([...near.x, [0.5, far]]);
      const y = particles([...near.y, [2.8, far]]);
      const { value, status, certificate } = wassersteinDistance(x, y);
      const cost = permutations(5)
        .map((p) => p.reduce((sum, j, i) => sum + squared(near.x[i], near.y[j]), 0))
        .reduce((a, b) => Math.min(a, b));
      // Next to 1e16, 2.8 − 0.5 is what it is: the far points share their second coordinate.
      const exact = Math.sqrt((cost + 2.3 ** 2) / 6);
      if (status.kind === 'exact') expect(Math.abs(value - exact)).toBeLessThan(1e-9 * exact);
      else expect(status).toMatchObject({ kind: 'bounded' });
      if (far <= 1e16) expect(status.kind).toBe('exact');
      expect(certificate).toMatchObject({ kind: 'duality' });
    },
  );

  const squared = ([a, b]: readonly number[], [c, d]: readonly number[]) =>
    (a - c) ** 2 + (b - d) ** 2;
});
