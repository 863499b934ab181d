import type { Figure } from '../figure.ts';

export interface RateCurve {
  readonly series: string;
  /** One row for each experiment. */
  readonly rows: readonly (readonly number[])[];
}

export interface RateFigureOptions {
  readonly id: string;
  readonly title: string;
  readonly caption: string;
  readonly quantity: string;
  readonly counts: readonly number[];
  readonly curves: readonly RateCurve[];
}

/** Errors against the number of tokens in log–log: geometric means, the range over experiments, and slope −1/2. */
export function rateFigure(options: RateFigureOptions): Figure {
  const { id, title, caption, quantity, counts, curves } = options;
  const means = curves.map(({ rows }) =>
    counts.map((_, i) =>
      Math.exp(rows.reduce((sum, row) => sum + Math.log(row[i]), 0) / rows.length),
    ),
  );
  const last = counts.length - 1;
  return {
    id,
    title,
    caption,
    x: { label: 'tokens n', scale: 'log', base: 2 },
    y: { label: quantity, scale: 'log' },
    marks: [
      {
        kind: 'reference',
        label: 'slope −1/2',
        x: counts,
        y: counts.map((n) => 1.4 * means[0][last] * Math.sqrt(counts[last] / n)),
      },
      ...curves.flatMap(({ series, rows }, c) => [
        ...(rows.length > 1
          ? [
              {
                kind: 'band' as const,
                series,
                x: counts,
                low: counts.map((_, i) => Math.min(...rows.map((row) => row[i]))),
                high: counts.map((_, i) => Math.max(...rows.map((row) => row[i]))),
              },
            ]
          : []),
        { kind: 'line' as const, series, x: counts, y: means[c] },
        { kind: 'dots' as const, series, x: counts, y: means[c] },
      ]),
    ],
  };
}
