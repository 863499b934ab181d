/**
 * A figure as data: what is drawn, not how. The command line renders it to SVG, a page may render it otherwise.
 */
export interface Figure {
  /** File name without extension, unique within a run: `A.euler-order`. */
  readonly id: string;
  readonly title: string;
  /** One or two sentences: what is seen, and what was expected. */
  readonly caption: string;
  readonly x: Axis;
  readonly y: Axis;
  /** One unit is as long along both axes, so that a circle is one; default no. */
  readonly equalAxes?: boolean;
  /** Drawn in order, later ones on top. */
  readonly marks: readonly Mark[];
}

export interface Axis {
  /** Symbol and unit, plain text with Unicode: `layers L`, `sup error |h_k − h(t_k)|`. */
  readonly label: string;
  /** Default linear. */
  readonly scale?: 'linear' | 'log';
  /** Base of the logarithm's ticks; default 10. */
  readonly base?: number;
  readonly domain?: readonly [number, number];
}

type Points = { readonly x: ArrayLike<number>; readonly y: ArrayLike<number> };

export type Mark =
  /**
   * Connected points. `series` names it in the legend and picks the colour; same series, same colour. A bound that lies
   * more than three decades from everything else gets no room: an arrow at the frame's edge says how far away it is.
   */
  | ({ readonly kind: 'line'; readonly series: string; readonly bound?: true } & Points)
  /** Separate points, with an optional interval each. */
  | ({
      readonly kind: 'dots';
      readonly series: string;
      readonly low?: ArrayLike<number>;
      readonly high?: ArrayLike<number>;
    } & Points)
  /** Separate points coloured by a value; values outside `valueDomain` (default: all of theirs) take its ends' colours. */
  | ({
      readonly kind: 'points';
      readonly values: ArrayLike<number>;
      readonly valueLabel: string;
      readonly valueDomain?: readonly [number, number];
    } & Points)
  /** A shaded interval around a curve. */
  | {
      readonly kind: 'band';
      readonly series: string;
      readonly x: ArrayLike<number>;
      readonly low: ArrayLike<number>;
      readonly high: ArrayLike<number>;
    }
  /** A dashed grey line for what is expected, with its words (`slope −1`) beside its end. */
  | ({ readonly kind: 'reference'; readonly label: string } & Points)
  /** A vertical or horizontal dashed line across the whole figure, with its words. */
  | { readonly kind: 'rule'; readonly axis: 'x' | 'y'; readonly at: number; readonly label: string }
  /** Values on a regular grid, row-major from low y to high y: a phase diagram. */
  | {
      readonly kind: 'heatmap';
      readonly x: ArrayLike<number>;
      readonly y: ArrayLike<number>;
      readonly values: ArrayLike<number>;
      readonly valueLabel: string;
      readonly scale?: 'linear' | 'log';
    }
  /** Regions named by category on a regular grid, row-major from low y to high y. */
  | {
      readonly kind: 'regions';
      readonly x: ArrayLike<number>;
      readonly y: ArrayLike<number>;
      readonly categories: readonly string[];
    }
  /** Bars of a histogram or one bar a category position. */
  | {
      readonly kind: 'bars';
      readonly series: string;
      readonly x0: ArrayLike<number>;
      readonly x1: ArrayLike<number>;
      readonly y: ArrayLike<number>;
    };

/** The columns of a mark whose points are told apart by their index. */
const columns = ['x', 'y', 'low', 'high', 'values'] as const;

/** A figure without the points that are no finite numbers: they have no place on an axis. */
export function withFinitePoints(figure: Figure): Figure {
  return { ...figure, marks: figure.marks.flatMap(finitePoints) };
}

function finitePoints(mark: Mark): Mark[] {
  if (mark.kind === 'rule') return Number.isFinite(mark.at) ? [mark] : [];
  if (mark.kind === 'heatmap' || mark.kind === 'regions' || mark.kind === 'bars') return [mark];
  const named: { readonly [name: string]: unknown } = mark;
  const own = columns.flatMap((name): [string, number[]][] => {
    const column = named[name] as ArrayLike<number> | undefined;
    return column === undefined ? [] : [[name, Array.from(column)]];
  });
  const places = Array.from({ length: mark.x.length }, (_, i) => i);
  const kept = places.filter((i) => own.every(([, column]) => Number.isFinite(column[i])));
  if (kept.length === mark.x.length) return [mark];
  if (kept.length === 0) return [];
  const shorter = own.map(([name, column]) => [name, kept.map((i) => column[i])]);
  return [{ ...mark, ...Object.fromEntries(shorter) }];
}
