import { describe, expect, it } from 'vitest';
import { createReferenceBackend } from '../../kernels/reference/backend.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import { dirac, type ParticleLaw, particles, standardGaussian } from '../law.ts';
import { sampleLaw } from '../sample.ts';
import type { Certificate } from './distance.ts';
import { sinkhornDivergence } from './sinkhorn.ts';
import { wassersteinDistance } from './transport.ts';

const backends = [createReferenceBackend(), await createWasmBackend({ heapMegabytes: 128 })];

function cloud(n: number, d: number, index: number): ParticleLaw {
  return particles(sampleLaw(standardGaussian(d), n, randomStream(61, 'clouds', index)));
}

function shifted(law: ParticleLaw, v: readonly number[]): ParticleLaw {
  const data = law.points.data.map((x, i) => x + v[i % law.dimension]);
  return particles({ ...law.points, data }, law.weights);
}

function duality(certificate: Certificate) {
  if (certificate.kind !== 'duality') throw new Error('expected a duality certificate');
  return certificate;
}

describe.each(backends.map((backend) => [backend.name, backend] as const))(
  'sinkhornDivergence on %s',
  (_, backend) => {
    it('Dirac laws: ½|x − y|²', () => {
      const result = sinkhornDivergence(backend, dirac([1, 2]), dirac([4, 6]));
      expect(result.value).toBeCloseTo(12.5, 12);
      expect(result.status.kind).toBe('converged');
      expect(sinkhornDivergence(backend, dirac([1]), dirac([1])).value).toBe(0);
    });

    it('translations: ½|v|² for every ε; permutations: 0', () => {
      const mu = cloud(60, 2, 1);
      for (const epsilon of [0.2, 1]) {
        const result = sinkhornDivergence(backend, mu, shifted(mu, [3, 4]), {
          epsilon,
          tolerance: 1e-8,
          maximalIterations: 500,
        });
        expect(result.status.kind).toBe('converged');
        expect(result.value).toBeCloseTo(12.5, 6);
        const { primal, dual } = duality(result.certificate);
        expect(dual - 1e-12).toBeLessThanOrEqual(12.5);
        expect(primal + 1e-12).toBeGreaterThanOrEqual(12.5);
      }
      const reversed = particles({ ...mu.points, data: mu.points.data.slice().reverse() });
      const swapped = particles(
        Array.from({ length: 60 }, (_, i) => [
          reversed.points.data[2 * i + 1],
          reversed.points.data[2 * i],
        ]),
      );
      const same = sinkhornDivergence(backend, mu, swapped, { epsilon: 0.2, tolerance: 1e-8 });
      expect(same.status.kind).toBe('converged');
      expect(Math.abs(same.value)).toBeLessThan(1e-9);
    });

    it('Gaussians on the line: the closed form of entropic transport', () => {
      // Laws on a fine grid, where sums of Gaussian functions are integrals to rounding.
      const normal = (mean: number, variance: number) => {
        const x = Array.from({ length: 81 }, (_, i) => -10 + 0.25 * i);
        const density = x.map((t) => Math.exp((-0.5 * (t - mean) ** 2) / variance));
        const sum = density.reduce((total, value) => total + value, 0);
        return particles(
          x.map((t) => [t]),
          density.map((value) => value / sum),
        );
      };
      const epsilon = 0.5;
      // min over the covariance c of ½(a + b) − c − (ε/2) log(1 − c²/ab): c² + εc = ab.
      const entropic = (a: number, b: number) => {
        const c = 0.5 * (Math.sqrt(epsilon ** 2 + 4 * a * b) - epsilon);
        return 0.5 * (a + b) - c - 0.5 * epsilon * Math.log(1 - (c * c) / (a * b));
      };
      const [a, b] = [1.5, 0.6];
      const exact = 0.5 * 0.7 ** 2 + entropic(a, b) - 0.5 * entropic(a, a) - 0.5 * entropic(b, b);
      const result = sinkhornDivergence(backend, normal(0.3, a), normal(1, b), {
        epsilon,
        tolerance: 1e-10,
        maximalIterations: 500,
      });
      expect(result.status.kind).toBe('converged');
      expect(result.value).toBeCloseTo(exact, 9);
    });

    it('tends to ½W_2² as ε falls', () => {
      const [mu, nu] = [cloud(30, 2, 2), shifted(cloud(20, 2, 3), [1, 0])];
      const exact = 0.5 * wassersteinDistance(mu, nu).value ** 2;
      const errors = [1, 0.1, 0.02].map((epsilon) =>
        Math.abs(
          sinkhornDivergence(backend, mu, nu, { epsilon, tolerance: 1e-5, maximalIterations: 500 })
            .value - exact,
        ),
      );
      expect(errors[1]).toBeLessThan(errors[0]);
      expect(errors[2]).toBeLessThan(0.02 * exact);
    });

    it('points without weight do not count', () => {
      const mu = particles(
        [
          [0, 0],
          [1, 1],
          [99, 99],
        ],
        [0.5, 0.5, 0],
      );
      const same = particles([
        [0, 0],
        [1, 1],
      ]);
      const target = cloud(5, 2, 4);
      const options = { epsilon: 0.3, tolerance: 1e-10 };
      expect(sinkhornDivergence(backend, mu, target, options).value).toBeCloseTo(
        sinkhornDivergence(backend, same, target, options).value,
        6,
      );
    });

    it('says when it stops early, and brackets the true value even then', () => {
      const [mu, nu] = [cloud(40, 2, 5), shifted(cloud(40, 2, 6), [0.5, 0])];
      const hasty = sinkhornDivergence(backend, mu, nu, {
        epsilon: 0.05,
        tolerance: 1e-9,
        maximalIterations: 2,
      });
      expect(hasty.status).toMatchObject({ kind: 'not-converged', iterations: 2, tolerance: 1e-9 });
      const exact = sinkhornDivergence(backend, mu, nu, {
        epsilon: 0.05,
        tolerance: 1e-6,
        maximalIterations: 1000,
      });
      expect(exact.status.kind).toBe('converged');
      const { primal, dual, gap, marginalError } = duality(hasty.certificate);
      expect(dual).toBeLessThan(exact.value);
      expect(primal).toBeGreaterThan(exact.value);
      expect(gap).toBe(primal - dual);
      expect(marginalError).toBeGreaterThan(1e-9);
      expect(duality(exact.certificate).gap).toBeLessThan(1e-4);
    });
  },
);

describe('sinkhornDivergence', () => {
  it('is the same on all backends; f32 to its precision', async () => {
    const [mu, nu] = [cloud(150, 3, 7), shifted(cloud(100, 3, 8), [1, 0, 0])];
    const [reference, wasm] = backends.map((backend) => sinkhornDivergence(backend, mu, nu).value);
    expect(wasm).toBeCloseTo(reference, 11);
    const single = await createWasmBackend({ precision: 'f32', heapMegabytes: 64 });
    expect(sinkhornDivergence(single, mu, nu, { tolerance: 1e-3 }).value).toBeCloseTo(reference, 2);
    single.dispose();
  });

  it('starts large clouds from a part of them, and ends where all points agree', () => {
    const mu = cloud(2500, 2, 9);
    const result = sinkhornDivergence(backends[1], mu, shifted(mu, [1, -1]), { epsilon: 0.5 });
    expect(result.status.kind).toBe('converged');
    const { primal, dual } = duality(result.certificate);
    expect(dual).toBeLessThanOrEqual(1);
    expect(primal).toBeGreaterThanOrEqual(1);
    expect(result.value).toBeCloseTo(1, 3);
  });

  it('refuses different dimensions and settings that are not positive', () => {
    const [backend] = backends;
    expect(() => sinkhornDivergence(backend, dirac([0]), dirac([0, 0]))).toThrow(/shape/);
    expect(() => sinkhornDivergence(backend, dirac([0]), dirac([1]), { epsilon: 0 })).toThrow(
      /epsilon: received 0/,
    );
    expect(() => sinkhornDivergence(backend, dirac([0]), dirac([1]), { tolerance: -1 })).toThrow(
      /tolerance/,
    );
  });
});
