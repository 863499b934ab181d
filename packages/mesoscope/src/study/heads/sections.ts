import type { Figure, Mark } from '../../claims/figure.ts';
import type { GrowthRecord } from './growth-stage.ts';
import type { FixedRun, FlowReport } from './stages.ts';

/** Risk, slope and gap over the flow. */
export function flowFigure(reports: readonly FlowReport[], best: number): Figure {
  const x = reports.map(({ time }) => time + 1);
  return {
    id: 'heads.flow',
    title: 'Training a fixed cloud of heads',
    caption:
      'Risk over the best certified one, slope (∫|∇Ψ|²dρ)^{1/2} and Frank–Wolfe gap along the flow from random heads. The gap is always above R − R_best.',
    x: { label: 'time t + 1', scale: 'log' },
    y: { label: 'R − R_best, slope, gap', scale: 'log' },
    marks: [
      ...curve(
        'gap',
        x,
        reports.map(({ gap }) => gap),
      ),
      ...curve(
        'R − R_best',
        x,
        reports.map(({ risk }) => risk - best),
      ),
      ...curve(
        'slope',
        x,
        reports.map(({ slope }) => slope),
      ),
    ],
  };
}

/** Gap and risk over the rounds of growth. */
export function growthFigure(records: readonly GrowthRecord[]): Figure {
  const x = records.map(({ round }) => round);
  const best = records[records.length - 1].risk;
  return {
    id: 'heads.growth',
    title: 'Growing the layer by certificate',
    caption: 'Frank–Wolfe gap and risk over the last one, after each round of insertion.',
    x: { label: 'round of insertion' },
    y: { label: 'gap, R − R_last', scale: 'log' },
    marks: [
      ...curve(
        'gap',
        x,
        records.map(({ gap }) => gap),
      ),
      ...curve(
        'R − R_last',
        x,
        records.map(({ risk }) => risk - best),
      ),
    ],
  };
}

/** Growth against fixed numbers of heads: risk over the number of heads, or over time. */
export function comparisonFigures(
  records: readonly GrowthRecord[],
  fixed: readonly FixedRun[],
): Figure[] {
  const level = (name: string): Mark => ({
    kind: 'rule',
    axis: 'y',
    at: records[records.length - 1].risk - records[records.length - 1].gap,
    label: name,
  });
  return [
    {
      id: 'heads.risk-by-heads',
      title: 'Risk against the number of heads',
      caption:
        'Growth by certificate (each point a round) and fixed numbers of heads of equal weight trained from a random start. Dashed: no law of heads has a lower risk, as far as the search sees.',
      x: { label: 'heads', scale: 'log', base: 2 },
      y: { label: 'risk R' },
      marks: [
        ...curve(
          'growth by certificate',
          records.map(({ heads }) => heads),
          records.map(({ risk }) => risk),
        ),
        ...curve(
          'fixed number',
          fixed.map(({ heads }) => heads),
          fixed.map(({ risk }) => risk),
        ),
        level('certified lower bound'),
      ],
    },
    {
      id: 'heads.risk-by-time',
      title: 'Risk against time',
      caption: 'The same over the seconds that each run took.',
      x: { label: 'time, s', scale: 'log' },
      y: { label: 'risk R' },
      marks: [
        ...curve(
          'growth by certificate',
          records.map(({ seconds }) => Math.max(seconds, 1e-2)),
          records.map(({ risk }) => risk),
        ),
        ...fixed.map(
          ({ heads, seconds, risk }): Mark => ({
            kind: 'dots',
            series: `${heads} ${heads === 1 ? 'head' : 'heads'}`,
            x: [seconds],
            y: [risk],
          }),
        ),
        level('certified lower bound'),
      ],
    },
  ];
}

function curve(series: string, x: readonly number[], y: readonly number[]): Mark[] {
  const kept = y.map((_, i) => i).filter((i) => y[i] > 0 && Number.isFinite(y[i]));
  const points = { x: kept.map((i) => x[i]), y: kept.map((i) => y[i]) };
  return [
    { kind: 'line', series, ...points },
    { kind: 'dots', series, ...points },
  ];
}
