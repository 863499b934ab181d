import type { Figure, Mark } from './figure.ts';

/** A curve of errors over scales. */
export interface ConvergenceCurve {
  readonly series: string;
  readonly scales: readonly number[];
  /** One row of errors for each experiment. */
  readonly rows: readonly (readonly number[])[];
  /** Whether this is a bound on the others, which may lie far from them. */
  readonly bound?: true;
  /** The expected slope, drawn as a dashed line beside the curve; undefined: none. */
  readonly slope?: number;
}

/** What a figure of convergence is made of. */
export interface ConvergenceFigure {
  readonly id: string;
  readonly title: string;
  readonly caption: string;
  /** `layers L`, `particles n`. */
  readonly scale: string;
  /** What the errors are: `sup_k |h_k − h(t_k)|`. */
  readonly quantity: string;
  readonly curves: readonly ConvergenceCurve[];
  readonly more?: readonly Mark[];
}

/** Errors against scales in log–log: geometric means over experiments, their range as a band, and the expected slopes. */
export function convergenceFigure(options: ConvergenceFigure): Figure {
  const curves = options.curves.map(drawable).filter(({ scales }) => scales.length > 0);
  const references = curves.flatMap(({ slope, scales, rows }): Mark[] => {
    if (slope === undefined) return [];
    const last = scales.length - 1;
    const end = 1.5 * geometricMean(rows.map((row) => row[last]));
    return [
      {
        kind: 'reference',
        label: `slope ${slope < 0 ? '−' : ''}${Math.abs(slope)}`,
        x: scales,
        y: scales.map((x) => end * (x / scales[last]) ** slope),
      },
    ];
  });
  return {
    id: options.id,
    title: options.title,
    caption: options.caption,
    x: { label: options.scale, scale: 'log', base: 2 },
    y: { label: options.quantity, scale: 'log' },
    marks: [...references, ...curves.flatMap(marksOf), ...(options.more ?? [])],
  };
}

function marksOf({ series, scales: x, rows, bound }: ConvergenceCurve): Mark[] {
  const y = x.map((_, i) => geometricMean(rows.map((row) => row[i])));
  if (bound) return [{ kind: 'line', series, bound, x, y }];
  const line: Mark[] = [
    { kind: 'line', series, x, y },
    { kind: 'dots', series, x, y },
  ];
  if (rows.length === 1) return line;
  const low = x.map((_, i) => Math.min(...rows.map((row) => row[i])));
  const high = x.map((_, i) => Math.max(...rows.map((row) => row[i])));
  return [{ kind: 'band', series, x, low, high }, ...line];
}

/** A curve without the scales at which an error is zero or not finite. */
function drawable({ scales, rows, ...rest }: ConvergenceCurve): ConvergenceCurve {
  const kept = scales.flatMap((_, i) =>
    rows.length > 0 && rows.every((row) => row[i] > 0 && Number.isFinite(row[i])) ? [i] : [],
  );
  return {
    ...rest,
    scales: kept.map((i) => scales[i]),
    rows: rows.map((row) => kept.map((i) => row[i])),
  };
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
