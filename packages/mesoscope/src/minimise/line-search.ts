/** Value and slope of a function of the step along a direction. */
export interface SlopeAt {
  /** +∞ or NaN outside the function's domain. */
  readonly value: number;
  readonly slope: number;
}

export interface LineSearchInput {
  /** φ(0). */
  readonly value: number;
  /** φ′(0), to be negative. */
  readonly slope: number;
  /** The step tried first. */
  readonly first: number;
}

const sufficientDecrease = 1e-4;
const curvature = 0.9;
const rounding = 1e-14;

/**
 * Finds a step with `φ(a) ≤ φ(0) + c₁ a φ′(0)` and `|φ′(a)| ≤ c₂ |φ′(0)|` (c₁ = 1e-4, c₂ = 0.9), by tripling until such
 * steps are enclosed and interpolating the slope inside. Where values differ by rounding only, the first condition is
 * replaced by `φ′(a) ≤ (2c₁ − 1) φ′(0)` (Hager & Zhang, SIAM J. Optim. 16, 2005). A coroutine: it yields the steps at which it
 * wants to know φ.
 *
 * @returns whether the step yielded last is such a step; if not, there is none within 40 trials
 */
export function* searchLine({
  value: start,
  slope: startSlope,
  first,
}: LineSearchInput): Generator<number, boolean, SlopeAt> {
  if (!(startSlope < 0)) return false;
  const slack = rounding * Math.max(1, Math.abs(start));
  let step = first;
  let low = 0;
  let lowSlope = startSlope;
  let high = Number.POSITIVE_INFINITY;
  let highSlope = Number.NaN;
  for (let trial = 0; trial < 40; trial++) {
    const { value, slope } = yield step;
    const decreases =
      value <= start + sufficientDecrease * step * startSlope ||
      (value <= start + slack && slope <= (2 * sufficientDecrease - 1) * startSlope);
    if (decreases && Math.abs(slope) <= -curvature * startSlope) return true;
    if (decreases && slope < 0) {
      low = step;
      lowSlope = slope;
    } else {
      high = step;
      highSlope = Number.isFinite(value) ? slope : Number.NaN;
    }
    if (high < Number.POSITIVE_INFINITY && high - low <= 1e-15 * high) return false;
    step = high === Number.POSITIVE_INFINITY ? 3 * low : inside(low, lowSlope, high, highSlope);
  }
  return false;
}

/** The zero of the slope's secant, kept off the ends; the middle where the slope does not change its sign. */
function inside(low: number, lowSlope: number, high: number, highSlope: number): number {
  const width = high - low;
  const secant = highSlope > 0 ? -lowSlope / (highSlope - lowSlope) : 0.5;
  return low + width * Math.min(0.9, Math.max(0.1, secant));
}
