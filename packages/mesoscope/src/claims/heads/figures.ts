import type { Axis, Figure, Mark } from '../figure.ts';

export interface RateCurve {
  readonly series: string;
  readonly x: readonly number[];
  /** One row per seed. */
  readonly rows: readonly (readonly number[])[];
  /** Expected slope, drawn dashed through the curve's end. */
  readonly slope?: number;
}

/** Quantities against a scale in log–log: geometric means over seeds, their range, and expected slopes. */
export function rateFigure(options: {
  readonly id: string;
  readonly title: string;
  readonly caption: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly curves: readonly RateCurve[];
}): Figure {
  const marks: Mark[] = [];
  for (const { series, x, rows, slope } of options.curves) {
    const y = x.map((_, i) => geometricMean(rows.map((row) => row[i])));
    if (slope !== undefined) {
      const last = x.length - 1;
      marks.push({
        kind: 'reference',
        label: `slope ${slope < 0 ? '−' : ''}${Math.abs(slope)}`,
        x,
        y: x.map((value) => 1.4 * y[last] * (value / x[last]) ** slope),
      });
    }
    if (rows.length > 1) {
      const low = x.map((_, i) => Math.min(...rows.map((row) => row[i])));
      const high = x.map((_, i) => Math.max(...rows.map((row) => row[i])));
      marks.push({ kind: 'band', series, x, low, high });
    }
    marks.push({ kind: 'line', series, x, y }, { kind: 'dots', series, x, y });
  }
  const { id, title, caption } = options;
  return { id, title, caption, x: options.x, y: options.y, marks };
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
