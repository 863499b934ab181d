import type { Figure, Mark } from '../figure.ts';
import { type AlgebraicDecay, degenerate } from './algebraic-decay.ts';
import type { Decay, LongRun } from './long-run.ts';

/** Excess risk and slope along the flow, with the decay that the spectrum at the limit predicts. */
export function decayFigure({ times, excess, slopes, decay }: LongRun): Figure {
  return {
    id: 'B.long-time',
    title: 'Decay to the limit',
    caption:
      'Risk over its limit along the flow, and the slope (∫|∇Ψ|²dρ)^{1/2}; dashed: the decay that the spectrum at the limit predicts from the circle on. First experiment.',
    x: { label: 'time t' },
    y: { label: 'R − R_∞, slope', scale: 'log' },
    marks: [
      ...positiveLine('R − R_∞', times, excess),
      ...positiveLine('slope', times, slopes),
      ...(decay === undefined ? [] : predictionMarks(times, excess, decay)),
    ],
  };
}

function predictionMarks(times: readonly number[], excess: readonly number[], decay: Decay) {
  const kept = times.slice(decay.from).filter((_, k) => excess[decay.from + k] > 1e-14);
  return [
    {
      kind: 'reference' as const,
      label: `rate 2μ = ${(2 * decay.slowest).toPrecision(3)}`,
      x: kept,
      y: kept.map((t) => decay.predicted.excess(t - times[decay.from])),
    },
    {
      kind: 'dots' as const,
      series: 'R − R_∞',
      x: [times[decay.from]],
      y: [excess[decay.from]],
    },
  ];
}

/** Slope against excess risk. */
export function inequalityFigure(measured: readonly LongRun[], algebraic: AlgebraicDecay): Figure {
  const curve = (series: string, excess: readonly number[], slopes: readonly number[]): Mark => {
    const kept = excess.map((_, k) => k).filter((k) => excess[k] > 1e-12 && slopes[k] > 0);
    return {
      kind: 'line',
      series,
      x: kept.map((k) => excess[k]),
      y: kept.map((k) => slopes[k]),
    };
  };
  const reference = (exponent: number, label: string, excess: number, slope: number): Mark => {
    const x = [1e-11, 1e-2];
    return {
      kind: 'reference',
      label,
      x,
      y: x.map((value) => 1.5 * slope * (value / excess) ** exponent),
    };
  };
  const { excess, slopes } = algebraic;
  const k = excess.findIndex((value) => value <= 1e-6);
  const [first] = measured;
  const j = first.excess.findIndex((value) => value <= 1e-6);
  return {
    id: 'B.long-time.inequality',
    title: 'Łojasiewicz inequality',
    caption:
      'Slope against excess risk along each run: a = 1/2 is exponential decay; the degenerate limit with a = 5/6 is approached like t^{−3/2}.',
    x: { label: 'R − R_∞', scale: 'log' },
    y: { label: 'slope', scale: 'log' },
    marks: [
      ...(j < 0 ? [] : [reference(0.5, 'a = 1/2', first.excess[j], first.slopes[j])]),
      reference(degenerate.exponent, 'a = 5/6', excess[k], slopes[k]),
      ...measured.map((m, e) => curve(`experiment ${e + 1}`, m.excess, m.slopes)),
      curve('degenerate limit', excess, slopes),
    ],
  };
}

function positiveLine(series: string, x: readonly number[], y: readonly number[]) {
  const kept = y.map((_, k) => k).filter((k) => y[k] > 1e-14);
  return [{ kind: 'line' as const, series, x: kept.map((k) => x[k]), y: kept.map((k) => y[k]) }];
}
