import { MesoscopeError } from '../errors.ts';
import { symmetricEigen } from '../numeric/decompositions.ts';
import { predictBlowUp } from './blow-up.ts';
import { classifyLayer, type Regime } from './classify.ts';
import type { GaussianLayer } from './layer.ts';
import { factored, type GaussianMoments } from './moments.ts';
import { riccatiForm } from './riccati.ts';

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
  readonly blowUpTimes: Float64Array;
  /** Steady directions; −1 for growth and blow-up. */
  readonly dimensions: Int32Array;
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
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 'rows',
      received: [from, to],
      expected: `a range within 0 … ${y.length}`,
    });
  }
  const regimes: Regime[] = [];
  const blowUpTimes = new Float64Array((to - from) * x.length).fill(-1);
  const dimensions = new Int32Array(blowUpTimes.length).fill(-1);
  for (let row = from; row < to; row++) {
    options.signal?.throwIfAborted();
    for (const value of x) {
      const { layer, law } = family(value, y[row]);
      const horizon = options.horizon === undefined ? {} : { horizon: options.horizon };
      const { regime, blowUpTime, dimension } = classifyLayer(layer, law, horizon);
      if (blowUpTime !== null) blowUpTimes[regimes.length] = blowUpTime;
      if (dimension !== null) dimensions[regimes.length] = dimension;
      regimes.push(regime);
    }
    options.progress?.(row + 1 - from, to - from);
  }
  return { from, regimes, blowUpTimes, dimensions };
}

/** Where a curve crosses the vertical lines of a grid: one point for each crossing. */
export interface BoundaryPoints {
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/**
 * The boundary of the blow-up region in closed form, for families with `V_h = v_hI`: on each vertical line of the grid the
 * values of y at which `predictBlowUp` changes its mind, bisected to `1e-6` of the grid's height between neighbouring grid
 * points that differ. No flow is integrated.
 *
 * @throws MesoscopeError `unsupported` for a layer without a Riccati form
 */
export function blowUpBoundary(
  family: LayerFamily,
  { x, y }: PhaseGrid,
  horizon = Number.POSITIVE_INFINITY,
): BoundaryPoints {
  return boundary({ x, y }, (a, b) => {
    const { layer, law } = family(a, b);
    return predictBlowUp(requireRiccati(layer), factored(law).factor, { horizon }).time !== null;
  });
}

/**
 * The curve on which `λ_max(M)`, `M = Σ_h v_h(B_h + B_hᵀ)`, changes its sign: below 0 no law blows up, whatever W; above 0 some
 * law does. Found like {@link blowUpBoundary}.
 *
 * @throws MesoscopeError `unsupported` for a layer without a Riccati form
 */
export function definitenessBoundary(family: LayerFamily, grid: PhaseGrid): BoundaryPoints {
  return boundary(grid, (a, b) => {
    const { values } = symmetricEigen(requireRiccati(family(a, b).layer).M);
    return values[values.length - 1] > 0;
  });
}

function requireRiccati(layer: GaussianLayer) {
  const form = riccatiForm(layer);
  if (form === null) {
    throw new MesoscopeError({
      code: 'unsupported',
      what: 'layers other than softmax with values that are multiples of the identity',
      by: 'The closed-form boundary',
      wayOut: 'Classify the grid without it.',
    });
  }
  return form;
}

function boundary({ x, y }: PhaseGrid, inside: (x: number, y: number) => boolean): BoundaryPoints {
  const xs: number[] = [];
  const ys: number[] = [];
  const resolution = 1e-6 * Math.abs(y[y.length - 1] - y[0]);
  for (const a of x) {
    let before = inside(a, y[0]);
    for (let j = 1; j < y.length; j++) {
      const after = inside(a, y[j]);
      if (after !== before) {
        let [low, high] = [y[j - 1], y[j]];
        while (high - low > resolution) {
          const middle = (low + high) / 2;
          if (inside(a, middle) === before) low = middle;
          else high = middle;
        }
        xs.push(a);
        ys.push((low + high) / 2);
      }
      before = after;
    }
  }
  return { x: xs, y: ys };
}
