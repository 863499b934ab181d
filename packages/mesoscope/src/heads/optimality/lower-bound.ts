import { refuse, requireCount, requireThat } from '../../numeric/checks.ts';
import { gamma } from '../../rigorous/rounding.ts';
import type { HeadProblem, Linearisation } from '../problem.ts';
import { createBoxBound } from './box-bound.ts';
import { contextsOf, type ReducedProblem } from './contexts.ts';
import type { Box } from './moments.ts';

/** How long and how far the infimum is enclosed. */
export interface InfimumOptions {
  /** Width at which the enclosure is narrow enough. */
  readonly width: number;
  /** Boxes that are bounded at most; default 200,000. */
  readonly boxes?: number;
  /** Told the enclosure now and then; false stops. */
  progress?(enclosure: InfimumEnclosure): boolean;
}

/** `inf_θ Ψ(θ;ρ) ≥ lower`; for k ≥ d also `≤ upper`. */
export interface InfimumEnclosure {
  /** Proved: no head has a smaller Ψ. */
  readonly lower: number;
  /** The least value seen, at the centre of a box. */
  readonly upper: number;
  /** Boxes that were bounded. */
  readonly boxes: number;
  /** `narrow`: as narrow as was asked; `budget`: the boxes were used up; `stopped`. */
  readonly status: 'narrow' | 'budget' | 'stopped';
}

/** Boxes between two reports. */
const reportEvery = 256;

/**
 * Bounds `inf_θ Ψ(θ;ρ)` over all heads from below, by branch and bound, for the residual as it was computed. V stands in Ψ linearly and in its
 * penalty, Q and K only through `B = KᵀQ/√k` and theirs, and `|Q|² + |K|² ≥ 2√k‖B‖_*` with equality for some Q and K (k ≥ d), so that
 * `inf Ψ = min_B λ√k‖B‖_* − |M(B)|²_F/(2λ)`; for k < d the right side is a lower bound. The minimum lies where
 * `λ√k‖B‖_* ≤ sup|M|²/(2λ)`, since it is at most 0 − |M|²/(2λ) ≤ 0. Boxes are halved, the lowest bound first. The cost grows with the
 * number of boxes, of a smooth minimum in d² dimensions like `width^{−d²/2}` at the worst, and each box costs `Σ_t t² + C d³` a
 * sequence.
 *
 * @throws MesoscopeError `invalid-value` for λ = 0 or so small that scores are not resolved, a ball, or more than 4,000 labelled
 *   positions
 */
export function encloseInfimum(
  problem: HeadProblem,
  at: Linearisation,
  { width, boxes: budget = 200_000, progress }: InfimumOptions,
): InfimumEnclosure {
  requireThat(width > 0, 'width', width, 'a number > 0');
  requireCount('boxes', budget);
  const hindrance = hindranceOf(problem, at);
  if (hindrance !== undefined) refuse(...hindrance);
  const reduced = reducedOf(problem, at);
  const { dimension } = reduced;
  const bound = createBoxBound(reduced);
  const queue = createQueue();
  let upper = Number.POSITIVE_INFINITY;
  let count = 0;
  const add = (box: Box) => {
    const { value, lower, isWithoutMinimum, widest } = bound(box);
    count++;
    upper = Math.min(upper, value);
    if (!isWithoutMinimum) queue.push({ ...box, widest }, lower);
  };
  const reach = largestReach(reduced);
  add({
    centre: new Float64Array(dimension ** 2),
    half: new Float64Array(dimension ** 2).fill(reach),
  });
  const enclosure = (status: InfimumEnclosure['status']): InfimumEnclosure => ({
    lower: queue.lowest(),
    upper,
    boxes: count,
    status,
  });
  for (let round = 0; ; round++) {
    if (queue.lowest() === Number.POSITIVE_INFINITY) throw new RangeError('no box holds a minimum');
    if (upper - queue.lowest() <= width) return enclosure('narrow');
    if (count + 2 > budget) return enclosure('budget');
    if (round % reportEvery === 0 && progress?.(enclosure('stopped')) === false) {
      return enclosure('stopped');
    }
    for (const half of halves(queue.pop())) add(half);
  }
}

/** What {@link encloseInfimum} would refuse of a problem, as arguments of `refuse`; undefined: nothing. */
export function hindranceOf(
  problem: HeadProblem,
  at: Linearisation,
): [path: string, received: unknown, expected: string] | undefined {
  const { regularisation, radius } = problem;
  if (!(regularisation > 0)) {
    return ['regularisation', regularisation, 'λ > 0, without which there is no infimum'];
  }
  if (radius < Number.POSITIVE_INFINITY) return ['radius', radius, 'heads in all of R^P'];
  const reduced = reducedOf(problem, at);
  const count = reduced.contexts.length;
  if (count > 4000) return ['data', `${count} labels`, 'at most 4000, for the bounds of rounding'];
  if (scoreErrorWithin(reduced, largestReach(reduced)) < 1e-3) return undefined;
  const words =
    'a larger λ: heads as large as this one allows have scores that double precision does not resolve';
  return ['regularisation', regularisation, words];
}

function reducedOf(
  { shape, data, regularisation }: HeadProblem,
  at: Linearisation,
): ReducedProblem {
  const { dimension, classes, keyDimension } = shape;
  // Rounded down, which makes F smaller.
  const slope = regularisation * Math.sqrt(keyDimension) * (1 - gamma(4));
  return { contexts: contextsOf(data, at), dimension, classes, regularisation, slope };
}

/** Entries of B beyond which `λ√k‖B‖_* ≥ sup|M|²/(2λ)`: F is not below 0 there, and `F(0) ≤ 0`. */
function largestReach({ contexts, dimension: d, regularisation, slope }: ReducedProblem): number {
  let sup = 0;
  for (const { residual, tokens, count } of contexts) {
    let token = 0;
    for (let v = 0; v < count; v++) {
      token = Math.max(token, Math.hypot(...tokens.subarray(v * d, (v + 1) * d)));
    }
    sup += Math.hypot(...residual) * token;
  }
  const reach = ((sup * sup) / (2 * regularisation * slope)) * (1 + 1e-9);
  return reach > 0 ? reach : 1e-300;
}

/** By how much rounding may move scores, for every B with entries up to `reach`: bounds of weights need it small. */
function scoreErrorWithin({ contexts, dimension: d }: ReducedProblem, reach: number): number {
  const largest = (values: Float64Array) => values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const sizes = contexts.map(({ query, tokens }) => largest(query) * largest(tokens));
  return 3 * gamma(d * d + 2) * d * d * reach * Math.max(...sizes);
}

/** A box, and the side across which it is cut. */
type CutBox = Box & { readonly widest: number };

/** The two halves of a box. */
function halves({ centre, half, widest: longest }: CutBox): Box[] {
  const cut = half.slice();
  cut[longest] /= 2;
  return [-1, 1].map((side) => {
    const moved = centre.slice();
    moved[longest] += side * cut[longest];
    // The ends of the two must meet, whatever the sum was rounded to.
    const open = cut.slice();
    open[longest] += 4 * Number.EPSILON * (Math.abs(moved[longest]) + cut[longest]);
    return { centre: moved, half: open };
  });
}

/** Boxes by their bounds, the lowest first: a binary heap. */
function createQueue() {
  const boxes: CutBox[] = [];
  const bounds: number[] = [];
  const swap = (i: number, j: number) => {
    [boxes[i], boxes[j]] = [boxes[j], boxes[i]];
    [bounds[i], bounds[j]] = [bounds[j], bounds[i]];
  };
  return {
    lowest: () => bounds[0] ?? Number.POSITIVE_INFINITY,
    push(box: CutBox, bound: number) {
      boxes.push(box);
      bounds.push(bound);
      for (let i = boxes.length - 1; i > 0 && bounds[(i - 1) >> 1] > bounds[i]; i = (i - 1) >> 1) {
        swap(i, (i - 1) >> 1);
      }
    },
    pop(): CutBox {
      swap(0, boxes.length - 1);
      const box = boxes.pop() as CutBox;
      bounds.pop();
      for (let i = 0; ; ) {
        const [left, right] = [2 * i + 1, 2 * i + 2];
        let least = i;
        if (left < boxes.length && bounds[left] < bounds[least]) least = left;
        if (right < boxes.length && bounds[right] < bounds[least]) least = right;
        if (least === i) return box;
        swap(i, least);
        i = least;
      }
    },
  };
}
