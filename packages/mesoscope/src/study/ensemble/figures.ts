import type { Figure } from '../../claims/figure.ts';
import { gradientDominance } from '../../ensemble/training.ts';
import type { EnsembleReport } from './training-run.ts';

/** Loss, gradient and energy identity, movement and kernels over training time. */
export function trainingFigures(
  reports: readonly EnsembleReport[],
  floor: number | undefined,
): Figure[] {
  const x = reports.map((report) => report.time);
  const time = { label: 'training time τ' };
  const layers = reports[0].movement.length;
  const depths = [...new Set([0, 1, 2, 3].map((i) => Math.round((i * (layers - 1)) / 3)))];
  const line = (series: string, y: number[]) => ({ kind: 'line', series, x, y }) as const;
  const positive = (value: number) => Math.max(value, 1e-18);
  const figures: Figure[] = [
    {
      id: 'loss',
      title: 'Loss and gradient',
      caption:
        'Loss, squared conditional-Wasserstein gradient and Polyak–Łojasiewicz ratio ‖∇L‖²/2L over training time.',
      x: time,
      y: { label: 'L, ‖∇L‖², ‖∇L‖²/2L', scale: 'log' },
      marks: [
        line(
          'loss L',
          reports.map((r) => positive(r.loss)),
        ),
        line(
          '‖∇L‖²',
          reports.map((r) => positive(r.gradientSquare)),
        ),
        line(
          '‖∇L‖²/2L',
          reports.map((r) => positive(gradientDominance(r))),
        ),
        ...(floor === undefined
          ? []
          : [{ kind: 'rule', axis: 'y', at: floor, label: 'floor of one layer' } as const]),
      ],
    },
    {
      id: 'energy',
      title: 'Energy identity',
      caption:
        'Mean over the steps since the last report of the fall of the loss over ‖∇L‖²Δτ. Expected: 1 up to the order of the step.',
      x: time,
      y: { label: 'ΔL / (−‖∇L‖²Δτ)' },
      marks: [
        {
          kind: 'line',
          series: 'ratio',
          x: x.slice(1),
          y: reports.slice(1).map((r) => r.energyRatio),
        },
        { kind: 'rule', axis: 'y', at: 1, label: '1' },
      ],
    },
    {
      id: 'movement',
      title: 'Movement of heads',
      caption: 'Wasserstein distance W₂ of each depth’s law of heads from the start.',
      x: time,
      y: { label: 'W₂(ν_s(τ), ν_s(0))' },
      marks: depths.map((l) =>
        line(
          `s = ${l}/${layers}`,
          reports.map((r) => r.movement[l]),
        ),
      ),
    },
  ];
  if (reports[0].kernel.length === 0) return figures;
  // What is smaller is rounding of λ_max.
  const visible = (ratio: number) => Math.max(ratio, 2 ** -52);
  const ofKernel = (id: string, label: string, of: (r: EnsembleReport, l: number) => number) =>
    ({
      id,
      x: time,
      y: { label, scale: 'log' },
      marks: depths.map((l) =>
        line(
          `s = ${l}/${layers}`,
          reports.map((r) => of(r, l)),
        ),
      ),
    }) as const;
  return [
    ...figures,
    {
      ...ofKernel('kernel', 'λ_min/λ_max of K_s', (r, l) => visible(r.kernel[l])),
      title: 'Attention kernel',
      caption:
        'Smallest over largest eigenvalue of the attention kernel at each depth (values below 2e-16 drawn there): rounding means that injectivity is lost.',
    },
    {
      ...ofKernel('lambda-min', 'λ_min of K_s', (r, l) => visible(r.kernel[l]) * r.lambdaMax[l]),
      title: 'Smallest eigenvalue of the kernel',
      caption:
        'Smallest eigenvalue of the attention kernel at each depth (values at rounding drawn at 2e-16 λ_max): a positive value at one depth is enough for a positive Polyak–Łojasiewicz ratio.',
    },
  ];
}
