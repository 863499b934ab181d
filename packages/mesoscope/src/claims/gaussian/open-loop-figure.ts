import type { OpenLoop } from '../../gaussian/measure/open-loop.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import type { Figure } from '../figure.ts';

/** Endpoint errors of n tokens against n, one curve for each realisation. */
export function openLoopFigure(id: string, loops: readonly OpenLoop[]): Figure {
  return convergenceFigure({
    id,
    title:
      loops.length === 1
        ? `The ${loops[0].realisation} controls on n tokens, open loop`
        : 'The same controls on n tokens, open loop',
    caption: `Endpoint error of the mean and covariance of n tokens (root mean square over samples) under controls that were found for the Gaussian law. Attention tilts the law by about √(d + mᵀΣ⁻¹m): where that comes near √(2 ln n), n tokens follow more slowly than n^(−1/2).${coincidences(loops)}`,
    ...{ scale: 'tokens n', quantity: '|m_n − m_1| + |Σ_n − Σ_1|' },
    curves: loops.map(({ realisation, counts, errors }, k) => ({
      ...{ series: realisation, scales: counts, rows: [errors] },
      ...(k === 0 ? { slope: -0.5 } : {}),
    })),
  });
}

/** Feed-forward and constant controls may be one affine map: their curves then hide each other. */
function coincidences(loops: readonly OpenLoop[]): string {
  return loops
    .flatMap((one, k) => loops.slice(0, k).map((other) => [other, one]))
    .filter(([one, other]) =>
      one.errors.every((error, i) => Math.abs(error - other.errors[i]) <= 0.01 * error),
    )
    .map(
      ([one, other]) =>
        ` The curves of ${one.realisation} and ${other.realisation} lie on each other.`,
    )
    .join('');
}
