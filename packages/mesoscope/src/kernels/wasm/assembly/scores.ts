// What happens to a panel of scores between inner products and weights. Rows are keys, columns queries; see panel.ts.
import { hyperbolicTangent } from './activation';
import { firstLanes, laneNumbers, lanes, splat, VECTOR } from './lanes';
import { PANEL, panelWidth } from './panel';

/** Distances from this on are a window without end. */
const ENDLESS: f64 = 1073741824;

/** scores ← c·tanh(scores/c). */
export function capScores<T>(scores: usize, count: i32, cap: f64): void {
  const size = splat<T>(cap);
  const share = splat<T>(1 / cap);
  for (let j = count; j > 0; j--) {
    v128.store(scores, v128.mul<T>(size, hyperbolicTangent<T>(v128.mul<T>(share, v128.load(scores)))));
    v128.store(scores, v128.mul<T>(size, hyperbolicTangent<T>(v128.mul<T>(share, v128.load(scores, VECTOR)))), VECTOR);
    scores += PANEL;
  }
}

/** to ← to ∘ (1 − tanh²(scores/c)), for scores that are not capped. */
export function scaleByCapSlope<T>(scores: usize, to: usize, count: i32, cap: f64): void {
  const share = splat<T>(1 / cap);
  const one = splat<T>(1);
  for (let j = 2 * count; j > 0; j--) {
    const t = hyperbolicTangent<T>(v128.mul<T>(share, v128.load(scores)));
    v128.store(to, v128.mul<T>(v128.load(to), v128.sub<T>(one, v128.mul<T>(t, t))));
    scores += VECTOR;
    to += VECTOR;
  }
}

/** Subtracts slope·|i − j|, for the panel whose first query is i. */
export function biasByDistance<T>(scores: usize, i: i32, count: i32, slope: f64): void {
  const factor = splat<T>(slope);
  for (let j = 0; j < count; j++) {
    for (let k = 0; k < panelWidth<T>(); k += lanes<T>()) {
      const at = scores + <usize>j * PANEL + <usize>k * sizeof<T>();
      const distance = v128.abs<T>(v128.add<T>(splat<T>(<f64>(i + k - j)), laneNumbers<T>()));
      v128.store(at, v128.sub<T>(v128.load(at), v128.mul<T>(factor, distance)));
    }
  }
}

/** Overwrites the scores of keys with |i − j| > window, for the panel whose first query is i. */
export function hideBeyond<T>(scores: usize, i: i32, count: i32, window: f64, hidden: f64): void {
  if (window >= ENDLESS) return;
  const w = <i32>window;
  const value = splat<T>(hidden);
  for (let j = 0; j < count; j++) {
    if (j >= i + panelWidth<T>() - 1 - w && j <= i + w) continue;
    for (let k = 0; k < panelWidth<T>(); k += lanes<T>()) {
      const at = scores + <usize>j * PANEL + <usize>k * sizeof<T>();
      const first = i + k;
      const seen = v128.andnot(firstLanes<T>(j + w - first + 1), firstLanes<T>(j - w - first));
      v128.store(at, v128.bitselect(v128.load(at), value, seen));
    }
  }
}

/** The slope of head h of H: `2^{−8(h+1)/H}` where H is a power of two; see `alibiSlope` in ../../instruction.ts. */
export function alibiSlope(head: i32, heads: i32): f64 {
  const power = 1 << (31 - clz(heads));
  if (head < power) return NativeMath.pow(2, <f64>(-8 * (head + 1)) / <f64>power);
  return NativeMath.pow(2, <f64>(-4 * (2 * (head - power) + 1)) / <f64>power);
}
