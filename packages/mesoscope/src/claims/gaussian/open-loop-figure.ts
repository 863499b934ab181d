import type { OpenLoop } from '../../gaussian/measure/open-loop.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import type { Figure } from '../figure.ts';

/** Endpoint errors of n tokens against n, one curve for each realisation. */
export function openLoopFigure(id: string, loops: readonly OpenLoop[]): Figure {
  return convergenceFigure({
    id,
    title: 'The same controls on n tokens, open loop',
    caption:
      'Endpoint error of the mean and covariance of n tokens (root mean square over samples) under controls that were found for the Gaussian law. Attention tilts the law by about √(d + mᵀΣ⁻¹m): where that comes near √(2 ln n), n tokens follow more slowly than n^(−1/2).',
    ...{ scale: 'tokens n', quantity: '|m_n − m_1| + |Σ_n − Σ_1|' },
    curves: loops.map(({ realisation, counts, errors }, k) => ({
      ...{ series: realisation, scales: counts, rows: [errors] },
      ...(k === 0 ? { slope: -0.5 } : {}),
    })),
  });
}
