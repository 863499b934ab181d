import type { CloudRecord, DepthRecord, LayerRecord } from '../../checkpoint/probe.ts';
import type { HeadStatistics } from '../../checkpoint/statistics/heads.ts';
import { meanInterval } from '../../numeric/fit.ts';
import type { Figure, Mark } from '../figure.ts';

/** One number for every input, depth by depth; null where there is none. */
export interface Curve {
  readonly series: string;
  readonly values: readonly (readonly number[])[];
}

/** A number of each cloud, from h0 to the last norm. */
export function cloudCurve(
  series: string,
  records: readonly DepthRecord[],
  of: (cloud: CloudRecord) => number | null,
): Curve {
  return { series, values: records.map(({ clouds }) => clouds.flatMap((one) => of(one) ?? [])) };
}

/** A number of each layer. */
export function layerCurve(
  series: string,
  records: readonly DepthRecord[],
  of: (layer: LayerRecord) => number | null,
): Curve {
  const layers = records.filter((record) => record.layers.length > 0);
  return { series, values: layers.map((record) => record.layers.flatMap((one) => of(one) ?? [])) };
}

/** The median over the heads of a layer. */
export function medianOfHeads(of: (head: HeadStatistics) => number | null) {
  return ({ heads }: LayerRecord): number | null => {
    const values = heads.flatMap((head) => of(head) ?? []).sort((a, b) => a - b);
    return values.length === 0 ? null : values[values.length >> 1];
  };
}

/** The largest over the heads of a layer. */
export function largestOfHeads(of: (head: HeadStatistics) => number | null) {
  return ({ heads }: LayerRecord): number | null => {
    const values = heads.flatMap((head) => of(head) ?? []);
    return values.length === 0 ? null : values.reduce((a, b) => Math.max(a, b));
  };
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, x) => sum + x, 0) / values.length;
}

/** Means over inputs with their 95 % intervals over depth. */
export function depthFigure(
  about: Pick<Figure, 'id' | 'title' | 'caption'> & {
    readonly y: Figure['y'];
    readonly rule?: { readonly at: number; readonly label: string };
  },
  curves: readonly Curve[],
): Figure {
  const { rule, ...rest } = about;
  const marks: Mark[] = curves.flatMap(({ series, values }): Mark[] => {
    const there = values.flatMap((inputs, depth) => (inputs.length > 0 ? [{ depth, inputs }] : []));
    const x = there.map(({ depth }) => depth);
    const line: Mark = { kind: 'line', series, x, y: there.map(({ inputs }) => mean(inputs)) };
    const intervals = there.map(
      ({ inputs }) => meanInterval(inputs).interval ?? ([inputs[0], inputs[0]] as const),
    );
    const band: Mark = {
      kind: 'band',
      series,
      x,
      low: intervals.map(([low]) => low),
      high: intervals.map(([, high]) => high),
    };
    return there.length === 0
      ? []
      : there.some(({ inputs }) => inputs.length > 1)
        ? [band, line]
        : [line];
  });
  if (rule !== undefined) marks.push({ kind: 'rule', axis: 'y', ...rule });
  return { ...rest, x: { label: 'depth l' }, marks };
}
