import { MesoscopeError } from '../../errors.ts';
import { shapeMismatch } from '../../numeric/checks.ts';
import { cellWidth, type GaussianLaw, type Law, type ParticleLaw } from '../law.ts';
import type { Distance } from './distance.ts';
import {
  gaussianCost,
  normalStretches,
  particlePieces,
  pieceCost,
  type QuantilePieces,
} from './quantile-pieces.ts';
import { requireOrder, type TransportOptions } from './transport.ts';

/**
 * The exact Wasserstein distance `W_p` on the line, `W_p^p = ∫_0^1 |F_μ^{-1}(u) − F_ν^{-1}(u)|^p du`, of particles,
 * grid densities and boxes (their quantile functions are piecewise linear), in time n log n. For p = 2 one side or
 * both may be Gaussian, the other then Gaussian or particles.
 *
 * @throws MesoscopeError `shape-mismatch` for laws on more than the line; `invalid-value` for an order other than 1 and 2;
 *   `unsupported` for the other pairs
 */
export function lineWasserstein(mu: Law, nu: Law, { order = 2 }: TransportOptions = {}): Distance {
  requireOrder(order);
  for (const law of [mu, nu]) {
    if (law.dimension !== 1) throw shapeMismatch('law', [law.dimension], [1]);
  }
  if (order === 2 && nu.kind === 'gaussian') {
    if (mu.kind === 'gaussian') {
      const value = Math.hypot(mu.mean[0] - nu.mean[0], mu.root.data[0] - nu.root.data[0]);
      return closedForm(value, value);
    }
    if (mu.kind === 'particles') return toGaussian(mu, nu);
  }
  if (order === 2 && mu.kind === 'gaussian' && nu.kind === 'particles') return toGaussian(nu, mu);
  const first = quantilePieces(mu);
  const second = quantilePieces(nu);
  const size = Math.max(largestValue(first), largestValue(second));
  // A power of two: squares neither vanish nor is anything rounded.
  const unit = size > 0 ? 2 ** Math.max(-1000, Math.floor(Math.log2(size))) : 1;
  const cost = pieceCost(inUnits(first, unit), inUnits(second, unit), order);
  return closedForm(unit * (order === 1 ? cost : Math.sqrt(cost)), size);
}

function closedForm(value: number, size: number): Distance {
  const error = 4 * Number.EPSILON * size;
  return { value, certificate: { kind: 'rounding', error }, status: { kind: 'exact' } };
}

function quantilePieces(law: Law): QuantilePieces {
  switch (law.kind) {
    case 'particles':
      return particlePieces(law.points.data, law.weights);
    case 'grid': {
      const width = cellWidth(law.axes[0]);
      const cells = Array.from(law.masses.keys()).filter((cell) => law.masses[cell] > 0);
      const low = law.axes[0].low;
      return {
        mass: Float64Array.from(cells, (cell) => law.masses[cell]),
        low: Float64Array.from(cells, (cell) => low + cell * width),
        high: Float64Array.from(cells, (cell) => low + (cell + 1) * width),
      };
    }
    case 'box':
      return { mass: Float64Array.of(1), low: law.low, high: law.high };
    default:
      throw new MesoscopeError({
        code: 'unsupported',
        what: `a ${law.kind} law in this pair and order`,
        by: 'lineWasserstein',
        wayOut: 'Take a sample of it with sampleLaw, or its density on a grid.',
      });
  }
}

function inUnits({ mass, low, high }: QuantilePieces, unit: number): QuantilePieces {
  return { mass, low: low.map((x) => x / unit), high: high.map((x) => x / unit) };
}

function largestValue({ low, high }: QuantilePieces): number {
  return Math.max(Math.abs(low[0]), Math.abs(high[high.length - 1]));
}

function toGaussian(law: ParticleLaw, { mean, root }: GaussianLaw): Distance {
  const pieces = particlePieces(law.points.data, law.weights);
  const stretches = normalStretches(pieces.mass);
  const value = Math.sqrt(gaussianCost(pieces, stretches, mean[0], root.data[0]));
  return closedForm(value, Math.max(largestValue(pieces), Math.abs(mean[0]) + root.data[0]));
}
