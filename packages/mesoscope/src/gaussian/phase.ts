import { refuse } from '../numeric/checks.ts';
import { classifyLayer, type Regime } from './classify.ts';
import type { GaussianLayer } from './layer.ts';
import type { GaussianMoments } from './moments.ts';

/** A layer and a law for each pair of parameters. */
export type LayerFamily = (
  x: number,
  y: number,
) => { readonly layer: GaussianLayer; readonly law: GaussianMoments };

/** The axes of a phase diagram, each increasing. */
export interface PhaseGrid {
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/** A piece of a phase diagram, row-major from low y to high y. */
export interface PhaseRows {
  readonly from: number;
  readonly regimes: readonly Regime[];
  /** NaN-free: −1 where nothing blows up. */
  readonly blowUpTimes: readonly number[];
  /** Steady directions; −1 for growth and blow-up. */
  readonly dimensions: readonly number[];
}

export interface PhaseOptions {
  /** Rows `from … to − 1` of the grid, for one of several workers; default all. */
  readonly rows?: { readonly from: number; readonly to: number };
  /** How far each flow is followed; default as `classifyLayer`. */
  readonly horizon?: number;
  /** After each row. */
  readonly progress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Classifies a constant layer at every point of a grid. A pure function of its arguments: a diagram may be cut into rows
 * and its pieces computed anywhere.
 *
 * @throws MesoscopeError as `classifyLayer`; `invalid-value` for rows outside the grid; what `signal` aborts with
 */
export function classifyGrid(
  family: LayerFamily,
  { x, y }: PhaseGrid,
  options: PhaseOptions = {},
): PhaseRows {
  const { from, to } = options.rows ?? { from: 0, to: y.length };
  if (!(from >= 0 && to <= y.length && from <= to)) {
    refuse('rows', [from, to], `a range within 0 … ${y.length}`);
  }
  const regimes: Regime[] = [];
  const blowUpTimes: number[] = [];
  const dimensions: number[] = [];
  for (let row = from; row < to; row++) {
    options.signal?.throwIfAborted();
    for (const value of x) {
      const { layer, law } = family(value, y[row]);
      const { regime, blowUpTime, dimension } = classifyLayer(layer, law, {
        horizon: options.horizon,
      });
      blowUpTimes.push(blowUpTime ?? -1);
      dimensions.push(dimension ?? -1);
      regimes.push(regime);
    }
    options.progress?.(row + 1 - from, to - from);
  }
  return { from, regimes, blowUpTimes, dimensions };
}
