import { piecewiseConstantControls } from '../../flow/controls.ts';
import { constantProfile, uniformGrid } from '../../flow/grid.ts';
import { createFieldProbe } from '../../flow/lipschitz.ts';
import type { Backend } from '../../kernels/backend.ts';
import { stateLength } from '../../kernels/program.ts';
import { packRows } from '../../kernels/tokens.ts';
import { type Matrix, subtract } from '../../numeric/matrix.ts';
import type { LoadedLayer, Model } from '../model.ts';
import { outlierTokens, withoutTokens } from '../statistics/cloud.ts';
import { type Alignment, alignment } from '../statistics/step.ts';
import { alongLayer } from './layer-flow.ts';
import { relativeDistance } from './output-change.ts';

/** The field `f_l(x) = B_l(x) − x` of one layer at the cloud x_l where it acts, beside the fields of others: no basis of a head enters. */
export interface LayerField {
  /** Of f_l and f_{l+1}, both at x_l; null for the last layer. */
  readonly neighbour: Alignment | null;
  /** Mean cosine of f_l and the fields of layers two and more away, at x_l: what any two layers have in common; null where there are none. */
  readonly far: number | null;
  /** `|f_{l+1}(x_{l+1}) − f_{l+1}(x_l)|/|f_{l+1}(x_{l+1})|`: O(h) for steps of length h; null for the last layer. */
  readonly parallelDefect: number | null;
  /** `‖D f_l(x_l)‖₂`, from below: steps of length h follow the flow while h times it is small; null where it was not asked for. */
  readonly lipschitz: number | null;
}

export interface LayerFieldOptions {
  /** Whether norms of derivatives are measured, each as long as some fifty layers; default false. */
  readonly lipschitz?: boolean;
  readonly progress?: (share: number) => void | Promise<void>;
}

/** At most so many far layers stand beside each. */
const farLayers = 4;

/**
 * The fields of all layers along one input, without outlier tokens.
 *
 * @param initial - h⁰, n × d
 * @throws MesoscopeError as `Model.layer`; `out-of-memory`
 */
export async function layerFields(
  backend: Backend,
  model: Model,
  initial: Matrix,
  { lipschitz = false, progress }: LayerFieldOptions = {},
): Promise<LayerField[]> {
  const { layers } = model.blueprint;
  const states = [initial];
  for (let l = 0; l < layers; l++) {
    states.push(...alongLayer(backend, await model.layer(l), [states[l]]));
    await progress?.((l + 1) / (3 * layers));
  }
  const outliers = states.map(outlierTokens);
  /** After layer `other` from x_l, for the pairs that are compared. */
  const after = new Map<string, Matrix>();
  const norms: (number | null)[] = [];
  for (let other = 0; other < layers; other++) {
    const loaded = await model.layer(other);
    const places = Array.from({ length: layers }, (_, l) => l).filter(
      (l) => l === other - 1 || farFrom(l, layers).includes(other),
    );
    const found = alongLayer(
      backend,
      loaded,
      places.map((l) => states[l]),
    );
    for (const [i, l] of places.entries()) after.set(`${l} ${other}`, found[i]);
    norms.push(lipschitz ? derivativeNorm(backend, loaded, states[other]) : null);
    await progress?.((layers + 2 * (other + 1)) / (3 * layers));
  }
  return Array.from({ length: layers }, (_, l) => {
    const without = (state: Matrix) => withoutTokens(state, outliers[l]);
    const [x, y] = [states[l], states[l + 1]].map(without);
    const compared = (other: number) =>
      alignment(x, y, without(after.get(`${l} ${other}`) as Matrix));
    const far = farFrom(l, layers).map((other) => compared(other).cosine);
    const isLast = l + 1 === layers;
    const next = after.get(`${l} ${l + 1}`);
    return {
      neighbour: isLast ? null : compared(l + 1),
      far: far.length === 0 ? null : far.reduce((sum, one) => sum + one, 0) / far.length,
      parallelDefect:
        next === undefined
          ? null
          : relativeDistance(subtract(without(next), x), subtract(without(states[l + 2]), y)),
      lipschitz: norms[l],
    };
  });
}

/** Layers at a distance of two and more, at most four of them, spread over the depth. */
function farFrom(l: number, layers: number): number[] {
  const all = Array.from({ length: layers }, (_, k) => k).filter((k) => Math.abs(k - l) > 1);
  const count = Math.min(farLayers, all.length);
  return Array.from({ length: count }, (_, i) => all[Math.floor(((i + 0.5) * all.length) / count)]);
}

/** `‖D f(x)‖₂` in the Euclidean norm of all entries, by power iteration. */
function derivativeNorm(
  backend: Backend,
  { field, parameters }: LoadedLayer,
  points: Matrix,
): number {
  return backend.scoped(() => {
    const theta = backend.allocate(parameters.length);
    theta.set(parameters);
    const probe = createFieldProbe(backend, { field, tokens: points.rows, samples: 1 });
    const place = {
      controls: piecewiseConstantControls(uniformGrid(1, 1), parameters.length, theta),
      depth: 0,
      from: 0,
      to: 1,
      profile: constantProfile,
      state: packRows(points, backend.allocate(stateLength(points.columns, points.rows))),
    };
    return probe.operatorNorms(place, { iterations: 12, tolerance: 0.05 })[0];
  });
}
