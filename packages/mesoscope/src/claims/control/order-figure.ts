import type { Figure, Mark } from '../figure.ts';

export interface OrderCurve {
  readonly series: string;
  /** Layers. */
  readonly layers: readonly number[];
  /** One row of errors per seed. */
  readonly errors: readonly (readonly number[])[];
}

export interface OrderFigureOptions {
  readonly id: string;
  readonly title: string;
  readonly caption: string;
  /** What the errors are: `sup_k |h_k − h(t_k)|`. */
  readonly quantity: string;
  readonly curves: readonly OrderCurve[];
  /** Expected slopes, each drawn through the finest geometric mean of the curve at that index. */
  readonly expected: readonly { readonly slope: number; readonly curve: number }[];
  readonly more?: readonly Mark[];
}

/** Errors against the number of layers in log–log: means over seeds, the range of seeds, and the expected slopes. */
export function orderFigure(options: OrderFigureOptions): Figure {
  const marks: Mark[] = [];
  const curves = options.curves.map(drawable);
  const means = curves.map(({ layers, errors }) =>
    layers.map((_, i) => geometricMean(errors.map((row) => row[i]))),
  );
  for (const { slope, curve } of options.expected) {
    const { layers } = curves[curve];
    const last = layers.length - 1;
    if (last < 0) continue;
    marks.push({
      kind: 'reference',
      label: `slope ${slope < 0 ? '−' : ''}${Math.abs(slope)}`,
      x: layers,
      y: layers.map((L) => 1.5 * means[curve][last] * (L / layers[last]) ** slope),
    });
  }
  curves.forEach(({ series, layers, errors }, c) => {
    if (layers.length === 0) return;
    if (errors.length > 1) {
      const low = layers.map((_, i) => Math.min(...errors.map((row) => row[i])));
      const high = layers.map((_, i) => Math.max(...errors.map((row) => row[i])));
      marks.push({ kind: 'band', series, x: layers, low, high });
    }
    marks.push({ kind: 'line', series, x: layers, y: means[c] });
    marks.push({ kind: 'dots', series, x: layers, y: means[c] });
  });
  return {
    id: options.id,
    title: options.title,
    caption: options.caption,
    x: { label: 'layers L', scale: 'log', base: 2 },
    y: { label: options.quantity, scale: 'log' },
    marks: [...marks, ...(options.more ?? [])],
  };
}

/** A curve without the depths at which an error is zero or not finite. */
function drawable({ series, layers, errors }: OrderCurve): OrderCurve {
  const kept = layers.flatMap((_, i) =>
    errors.every((row) => row[i] > 0 && Number.isFinite(row[i])) ? [i] : [],
  );
  return {
    series,
    layers: kept.map((i) => layers[i]),
    errors: errors.map((row) => kept.map((i) => row[i])),
  };
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
