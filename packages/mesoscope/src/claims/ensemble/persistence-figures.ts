import type { KernelHistory } from '../../ensemble/kernel-history.ts';
import type { MeasuredPersistence } from '../../ensemble/kernel-persistence.ts';
import type { Figure, Mark } from '../figure.ts';

/** The kernels along training where injectivity is kept, and where it is lost. */
export function persistenceFigures(measured: readonly MeasuredPersistence[]): Figure[] {
  const [kept] = measured[0].kept;
  const near = measured.flatMap((one) => one.near);
  const lost = near.find(({ crossing }) => crossing !== undefined);
  const axes = {
    x: { label: 'training time τ' },
    y: { label: 'λ_min/λ_max of K_s', scale: 'log' },
  } as const;
  const figures: Figure[] = [
    {
      id: 'D.persistence',
      title: 'Injectivity along training, where it is kept',
      caption:
        'Smallest over largest eigenvalue of the attention kernel at each depth over training time, small initial loss (first experiment).',
      ...axes,
      marks: depthLines(kept),
    },
  ];
  if (lost?.crossing === undefined) return figures;
  const { history, crossing } = lost;
  const rule: Mark = {
    kind: 'rule',
    axis: 'x',
    at: history.times[crossing.index],
    label: 'singular',
  };
  return [
    ...figures,
    {
      id: 'D.persistence.lost',
      title: 'Injectivity along training, where it is lost',
      caption: `The same for two Gaussian contexts on the line that start near dependence, with far targets. Rule: the kernel at s = ${crossing.layer}/${history.ratios[0].length} is singular.`,
      ...axes,
      marks: [...depthLines(history), rule],
    },
  ];
}

/** λ_min/λ_max over training time, a line for each of up to five depths. */
function depthLines({ times, ratios }: KernelHistory): Mark[] {
  const layers = ratios[0].length;
  const shown = [...new Set([0, 1, 2, 3, 4].map((i) => Math.round((i * (layers - 1)) / 4)))];
  return shown.map((l) => ({
    kind: 'line',
    series: `s = ${l}/${layers}`,
    x: times,
    y: ratios.map((row) => Math.max(row[l], 1e-18)),
  }));
}
