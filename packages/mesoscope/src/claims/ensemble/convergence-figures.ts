import type { MeasuredConvergence } from '../../ensemble/convergence-experiment.ts';
import { reached } from '../../ensemble/convergence-run.ts';
import type { Figure, Mark } from '../figure.ts';

/** Losses over training time from small losses, and final against initial losses of all flows. */
export function convergenceFigures(measured: readonly MeasuredConvergence[]): Figure[] {
  const small = measured.flatMap(({ runs }) => runs);
  const others = measured.flatMap((one) => one.others);
  const ends = small.map(({ records }) => ({
    first: records[0].loss,
    last: records[records.length - 1].loss,
  }));
  const all = [...ends, ...others];
  const x = all.map(({ first }) => first);
  const range = [Math.min(...x), Math.max(...x)];
  return [
    {
      id: 'D.convergence',
      title: 'Gradient flow from a small initial loss',
      caption:
        'Loss over training time, relative to its start, from losses within the a-priori radius. Dashed: decay at twice the smallest eigenvalue μ of the first tangent kernel, the rate of its slowest mode.',
      x: { label: 'training time τ' },
      y: { label: 'L(τ)/L(0)', scale: 'log' },
      marks: [
        ...small.map(
          ({ records }, i): Mark => ({
            kind: 'line',
            series: `flow ${i + 1}`,
            x: records.map(({ time }) => time),
            y: records.map(({ loss }) => Math.max(loss / records[0].loss, 1e-300)),
          }),
        ),
        slowestDecay(measured[0]),
      ],
    },
    {
      id: 'D.convergence.initial-loss',
      title: 'Final loss against initial loss',
      caption:
        'Each point is one gradient flow, stopped where the loss has fallen by 1e-8 or where its steps are spent; dashed: no progress, and a fall by 1e-8.',
      x: { label: 'initial loss', scale: 'log' },
      y: { label: 'final loss', scale: 'log' },
      marks: [
        { kind: 'dots', series: 'gradient flows', x, y: all.map(({ last }) => last) },
        { kind: 'reference', label: 'no progress', x: range, y: range },
        {
          kind: 'reference',
          label: 'fall by 10⁻⁸',
          x: range,
          y: range.map((loss) => reached * loss),
        },
      ],
    },
  ];
}

function slowestDecay({ small, runs: [{ records }] }: MeasuredConvergence): Mark {
  const last = Math.min(
    records[records.length - 1].time,
    -Math.log(reached) / (2 * small.mode.rate),
  );
  return {
    kind: 'reference',
    label: 'e^{−2μτ}',
    x: [0, last],
    y: [1, Math.exp(-2 * small.mode.rate * last)],
  };
}
