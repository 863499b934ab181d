import { refuse } from '../../numeric/checks.ts';

/**
 * What stands in the place of one layer: `x ← x + Σ_l (Φ_l^{length/steps}(x) − x)`, `steps` times, where Φ_l^h is a step of
 * length h along layer l, and Φ_l^1 the layer itself. Without layers it does nothing.
 */
export interface StackStep {
  readonly layers: readonly number[];
  readonly length: number;
  readonly steps: number;
}

/** A network that was operated on: as many places as it had layers. */
export type StackPlan = readonly StackStep[];

/** Layers `from ≤ l < to`. */
export type Segment = readonly [from: number, to: number];

/**
 * How a stack is made to have half as many steps, or another order:
 *
 * - `pairs`: one step with the mean of two neighbouring fields, twice as long, `x + f_l(x) + f_{l+1}(x)`. Fields are averaged, never
 *   weights: those are defined up to changes of basis within a head and the order of heads and hidden units;
 * - `drop`: the second layer of each pair is left out, and the step of the first is twice as long;
 * - `swap`: the layers of each pair exchange their places.
 *
 * A last layer without a partner stays as it is.
 */
export const coarsenings = ['pairs', 'drop', 'swap'] as const;
export type Coarsening = (typeof coarsenings)[number];

const layer = (l: number): StackStep => ({ layers: [l], length: 1, steps: 1 });

/** The network as it is. */
export function unchanged(layers: number): StackPlan {
  return Array.from({ length: layers }, (_, l) => layer(l));
}

/** Every layer of a segment as m steps of length 1/m. */
export function refined(layers: number, [from, to]: Segment, m: number): StackPlan {
  return unchanged(layers).map((step, l) => (from <= l && l < to ? { ...step, steps: m } : step));
}

/** The segment on half as many layers, or with its pairs exchanged; see {@link coarsenings}. */
export function coarsened(layers: number, [from, to]: Segment, kind: Coarsening): StackPlan {
  const plan = [...unchanged(layers)];
  for (let l = from; l + 1 < to; l += 2) [plan[l], plan[l + 1]] = pair(l, kind);
  return plan;
}

function pair(l: number, kind: Coarsening): readonly [StackStep, StackStep] {
  const nothing = { ...layer(l), layers: [] };
  switch (kind) {
    case 'pairs':
      return [{ ...layer(l), layers: [l, l + 1] }, nothing];
    case 'drop':
      return [{ ...layer(l), length: 2 }, nothing];
    case 'swap':
      return [layer(l + 1), layer(l)];
  }
}

/** All layers but the first and the last. */
export function interior(layers: number): Segment {
  return [1, layers - 1];
}

/** The first and the last layer as m steps each. */
export function refinedBoundary(layers: number, m: number): StackPlan {
  const [from, to] = interior(layers);
  return unchanged(layers).map((step, l) => (from <= l && l < to ? step : { ...step, steps: m }));
}

/**
 * Refuses a segment that does not lie in the network, or that holds fewer layers than are needed.
 *
 * @throws MesoscopeError `invalid-value`
 */
export function checkSegment(layers: number, [from, to]: Segment, least: number): void {
  const words = least === 1 ? 'a layer' : `${least} layers`;
  if (Number.isInteger(from) && Number.isInteger(to) && 0 <= from && to <= layers) {
    if (to - from >= least) return;
  }
  refuse(
    'segment',
    `${from}:${to}`,
    `a:b with 0 ≤ a < b ≤ ${layers}, at least ${words} of the ${layers} that the model has`,
    `All layers are 0:${layers}; b itself is not in the segment.`,
  );
}
