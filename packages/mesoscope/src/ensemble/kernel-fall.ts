import { solve } from '../numeric/decompositions.ts';
import { kernelSpectrum, kernelTolerance } from './attention-kernel.ts';
import { splitTokens } from './experiment.ts';
import { jacobianRows, tangentKernel } from './least-squares.ts';
import { headsAt } from './parameters.ts';
import type { TokenMap } from './token-map.ts';

/** What a small loss can take from the kernel's smallest eigenvalue at every depth. */
export interface FallPrediction {
  /** `λ_min(K_s)` at the start, at depths s = l/L. */
  readonly smallest: readonly number[];
  readonly largest: readonly number[];
  /** C_s: to first order `λ_min(K_s) ≥ λ_min(K_s)(0) − C_s √(L(0))` all along training. */
  readonly constants: readonly number[];
  /** Where C_s/λ_min(K_s) is largest, and the displacement of targets, of length 1, that attains C_s there. */
  readonly worst: { readonly layer: number; readonly direction: Float64Array };
}

/** Step of the differences, as a displacement of the final tokens. */
const step = 1e-4;

/**
 * The first order of the fall of `λ_s = λ_min(K_s)` along gradient flow from a small loss. The flow ends at `θ + J⁺Δ` up to second order,
 * for targets displaced by Δ, and has moved by shares between 0 and 1 of its modes before; with `a_k = Dλ_s[J⁺e_k]` in the
 * orthonormal basis e_k of the final tokens, the fall is at most `|a| |Δ| = |a| √(2N L(0))`, so that `C_s = |a|√(2N)`. It is attained at the
 * end for Δ along −a. Where a kernel is singular at the start there is nothing to fall from, and constants are 0.
 */
export function predictFall(map: TokenMap, theta: Float64Array): FallPrediction {
  const spectra = spectraOf(map, theta);
  const start = {
    smallest: spectra.map(({ smallest }) => smallest),
    largest: spectra.map(({ largest }) => largest),
    constants: spectra.map(() => 0),
    worst: { layer: 0, direction: new Float64Array(map.samples * map.layout.dimension) },
  };
  if (!isInjective(start)) return start;
  const rows = jacobianRows(map, theta);
  const kernel = tangentKernel(rows);
  const size = rows.length;
  const inverse = solve(kernel, {
    rows: size,
    columns: size,
    data: Float64Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0)),
  });
  const slopes = rows.map((_, k) => {
    const direction = new Float64Array(theta.length);
    rows.forEach((row, i) => {
      const weight = inverse.data[i * size + k];
      for (let j = 0; j < direction.length; j++) direction[j] += weight * row[j];
    });
    const [up, down] = [step, -step].map((t) =>
      spectraOf(
        map,
        theta.map((x, j) => x + t * direction[j]),
      ),
    );
    return up.map(({ smallest }, l) => (smallest - down[l].smallest) / (2 * step));
  });
  const constants = spectra.map(
    (_, l) => Math.hypot(...slopes.map((row) => row[l])) * Math.sqrt(2 * map.samples),
  );
  const exposure = constants.map((constant, l) => constant / spectra[l].smallest);
  const layer = exposure.indexOf(Math.max(...exposure));
  const along = slopes.map((row) => row[layer]);
  const length = Math.hypot(...along);
  return {
    ...start,
    constants,
    worst: { layer, direction: Float64Array.from(along, (a) => (length > 0 ? -a / length : 0)) },
  };
}

/** Whether every kernel stands clear of rounding. */
export function isInjective({ smallest, largest, worst }: FallPrediction): boolean {
  const rounding = kernelTolerance * worst.direction.length;
  return smallest.every((value, l) => value > rounding * largest[l]);
}

/** The initial loss that takes at most a share of λ_min(K_s) at any depth, by the prediction. */
export function lossTaking(share: number, { smallest, constants }: FallPrediction): number {
  return Math.min(
    ...constants.map((constant, l) =>
      constant > 0 ? ((share * smallest[l]) / constant) ** 2 : Infinity,
    ),
  );
}

/** Targets at a displacement of the final tokens whose square loss is the given one. */
export function targetsAtLoss(
  finals: Float64Array,
  direction: ArrayLike<number>,
  loss: number,
  { samples, layout }: TokenMap,
): Float64Array[] {
  const size = Math.sqrt(2 * samples * loss) / Math.hypot(...Array.from(direction));
  return splitTokens(
    finals.map((x, i) => x + size * direction[i]),
    layout.dimension,
  );
}

/** The kernels' spectra at depths 0, …, L − 1. */
export function spectraOf(map: TokenMap, theta: Float64Array) {
  const states = map.states(theta);
  return Array.from({ length: map.layout.layers }, (_, l) =>
    kernelSpectrum(headsAt(map.layout, theta, l), states[l]),
  );
}
