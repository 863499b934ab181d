import type { Figure, Mark } from '../figure.ts';
import { allLaws, type Certified, certifiedLaws, leastRisk, type MetLaws } from './support-laws.ts';

/** Gap and excess risk over the rounds of growth. */
export function growthFigure(measured: readonly MetLaws[]): Figure {
  return {
    id: 'B.support',
    title: 'Gap and distance to the optimum',
    caption:
      'Frank–Wolfe gap ∫Ψdρ − inf Ψ of each law met while heads are inserted, and its risk over the least one found. The gap must lie above; both go to 0.',
    x: { label: 'round of insertion' },
    y: { label: 'gap, R − R_least', scale: 'log' },
    marks: measured.flatMap((each, e): Mark[] => {
      const least = leastRisk(each);
      const rounds = [...each.grown.keys()];
      const kept = rounds.filter((t) => each.grown[t].risk > least);
      const label = measured.length === 1 ? '' : `, experiment ${e + 1}`;
      return [
        {
          kind: 'line',
          series: `gap${label}`,
          x: rounds,
          y: each.grown.map(({ certificate }) => Math.max(certificate.gap, 1e-16)),
        },
        {
          kind: 'dots',
          series: `R − R_least${label}`,
          x: kept,
          y: kept.map((t) => each.grown[t].risk - least),
        },
      ];
    }),
  };
}

/** Laws met on the way of growth. */
const passedLaws = ({ grown }: MetLaws) => grown.slice(1, -1);

/** Excess risk against gap of all laws. */
export function gapFigure(measured: readonly MetLaws[]): Figure {
  const points = (pick: (m: MetLaws) => readonly Certified[]) =>
    measured.flatMap((each) =>
      pick(each).flatMap(({ risk, certificate: { gap } }) => {
        const excess = risk - leastRisk(each);
        return excess > 1e-12 && gap > 0 ? [{ gap, excess }] : [];
      }),
    );
  const dots = (series: string, laws: readonly { gap: number; excess: number }[]): Mark => ({
    kind: 'dots',
    series,
    x: laws.map(({ gap }) => gap),
    y: laws.map(({ excess }) => excess),
  });
  const all = points(allLaws).map(({ gap }) => gap);
  const ends = [Math.min(...all), Math.max(...all)];
  return {
    id: 'B.support.gap',
    title: 'Distance to the optimum against the gap',
    caption:
      'Risk over the least one found against the gap. Certified: laws grown or trained from random heads, searched from 384 starts; one above the dashed line would refute its certificate. In the course of growth searches are quicker: there a point above the line is a search that missed the minimum.',
    x: { label: 'gap ∫Ψdρ − inf Ψ', scale: 'log' },
    y: { label: 'R − R_least', scale: 'log' },
    marks: [
      ...(all.length === 0
        ? []
        : [{ kind: 'reference' as const, label: 'R − R_least = gap', x: ends, y: ends }]),
      dots('in the course of growth', points(passedLaws)),
      dots('certified', points(certifiedLaws)),
    ],
  };
}
