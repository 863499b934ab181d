import type { Figure, Mark } from '../../claims/figure.ts';
import type { Section } from '../study.ts';
import { type CloudFrame, cloudFigures } from './cloud.ts';
import type { GrowthRecord } from './growth-stage.ts';
import type { HeadStudyOutcome } from './outcome.ts';
import type { FixedRun, FlowProgress, FlowReport } from './stages.ts';
import { certificateSections, lowerBound } from './verdicts.ts';

/** A number of heads in words. */
export function headsInWords(heads: number): string {
  return `${heads} ${heads === 1 ? 'head' : 'heads'}`;
}

/** The sections that both studies share; interrupted, of what there is. */
export function sectionsOf({
  growth: { records },
  flows,
  fixed,
  frames,
  certificate,
}: HeadStudyOutcome): Section[] {
  const last = records[records.length - 1];
  const bound =
    certificate === undefined ? (last?.risk ?? 0) - (last?.gap ?? 0) : lowerBound(certificate);
  const risks = [
    ...flows.map(({ reports }) => reports[reports.length - 1].risk),
    ...fixed.map(({ risk }) => risk),
  ];
  const lowest = Math.min(...risks, last?.risk ?? Number.POSITIVE_INFINITY);
  const largest = flows[flows.length - 1];
  const figures = [
    ...(records.length > 1 ? [growthFigure(records)] : []),
    ...(records.length > 1 && fixed.length > 1 ? comparisonFigures(records, fixed, bound) : []),
    ...(largest === undefined ? [] : [flowFigure(largest.law.count, largest.reports, lowest)]),
    ...(flows.length > 1 ? [flowRiskFigure(flows, bound)] : []),
  ];
  return [
    ...(certificate === undefined ? [] : certificateSections(certificate, risks)),
    ...figures.map((figure) => ({ kind: 'figure', figure }) as const),
    ...(flows.length > 0 ? [flowTable(flows, bound)] : []),
    ...(frames.length > 1 ? [cloudSection(frames)] : []),
  ];
}

function cloudSection(frames: readonly CloudFrame[]): Section {
  const figures = cloudFigures('heads.cloud', frames);
  return {
    kind: 'animation',
    title: `The cloud of ${headsInWords(frames[0].law.count)} over training`,
    caption: figures[0].caption,
    frames: figures,
  };
}

function flowTable(flows: readonly FlowProgress[], bound: number): Section {
  return {
    kind: 'table',
    title: 'Flows from random heads, at their ends',
    columns: [
      'N',
      't',
      'risk R',
      'R over the least possible as far as searched',
      'slope',
      'Frank–Wolfe gap',
    ],
    rows: flows.map(({ law, reports }) => {
      const { time, risk, slope, gap } = reports[reports.length - 1];
      return [law.count, time, risk, risk - bound, slope, gap ?? 'not computed'];
    }),
    note: `Slope: √(∫|∇Ψ|²dρ), 0 at a stationary law. Least possible as far as searched: R − gap = ${bound.toPrecision(4)} of the grown law, with the least Ψ found.`,
  };
}

/** Final risk of the flow over the number of heads. */
function flowRiskFigure(flows: readonly FlowProgress[], bound: number): Figure {
  return {
    id: 'heads.flow-risk',
    title: 'Final risk of the flow against the number of heads',
    caption:
      'Risk at the end of the flow from N random heads. Dashed: no law of heads has a lower risk, as far as the search sees.',
    x: { label: 'heads N', scale: 'log', base: 2 },
    y: { label: 'risk R' },
    marks: [
      ...curve(
        'flow',
        flows.map(({ law }) => law.count),
        flows.map(({ reports }) => reports[reports.length - 1].risk),
      ),
      { kind: 'rule', axis: 'y', at: bound, label: 'R − gap, with the least Ψ found' },
    ],
  };
}

/** Risk, slope and gap over the flow. */
function flowFigure(heads: number, reports: readonly FlowReport[], lowest: number): Figure {
  const x = reports.map(({ time }) => time + 1);
  return {
    id: 'heads.flow',
    title: `Flow of ${headsInWords(heads)}`,
    caption:
      'Risk over the lowest of all laws trained here, slope √(∫|∇Ψ|²dρ) and Frank–Wolfe gap along the flow from random heads. The gap must stay above R − R_least.',
    x: { label: 'time t + 1', scale: 'log' },
    y: { label: 'R − R_least, slope, gap', scale: 'log' },
    marks: [
      ...curve(
        'gap',
        x,
        reports.map(({ gap = Number.NaN }) => gap),
      ),
      ...curve(
        'R − R_least',
        x,
        reports.map(({ risk }) => risk - lowest),
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
function growthFigure(records: readonly GrowthRecord[]): Figure {
  const x = records.map(({ round }) => round);
  const best = records[records.length - 1].risk;
  return {
    id: 'heads.growth',
    title: 'Growing the layer by the gap',
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
function comparisonFigures(
  records: readonly GrowthRecord[],
  fixed: readonly FixedRun[],
  bound: number,
): Figure[] {
  const y = { label: 'R − (R − gap of the grown law)', scale: 'log' } as const;
  const grown = records.map(({ risk }) => risk - bound);
  const trained = fixed.map(({ risk }) => risk - bound);
  return [
    {
      id: 'heads.risk-by-heads',
      title: 'Risk against the number of heads',
      caption: `Growth by gap (each point a round) and fixed numbers of heads of equal weight trained from a random start: risk above ${bound.toPrecision(4)}, below which no law of heads comes, as far as the search sees.`,
      x: { label: 'heads', scale: 'log', base: 2 },
      y,
      marks: [
        ...curve(
          'growth by gap',
          records.map(({ heads }) => heads),
          grown,
        ),
        ...curve(
          'fixed number',
          fixed.map(({ heads }) => heads),
          trained,
        ),
      ],
    },
    {
      id: 'heads.risk-by-time',
      title: 'Risk against time',
      caption: `The same over the seconds that each run took; those of growth include the searches, which tell when to stop. The line joins fixed numbers of heads in the order ${fixed.map(({ heads }) => heads).join(', ')}.`,
      x: { label: 'time, s', scale: 'log' },
      y,
      marks: [
        ...curve(
          'growth by gap',
          records.map(({ seconds }) => Math.max(seconds, 1e-2)),
          grown,
        ),
        ...curve(
          'fixed number',
          fixed.map(({ seconds }) => seconds),
          trained,
        ),
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
