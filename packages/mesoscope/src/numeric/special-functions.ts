/**
 * What Stirling's formula leaves: `Δ(x) = log Γ(x) − (x − ½) log x + x − ½ log 2π`, for x > 0. Its series
 * (DLMF 5.11.1) from x = 10 on, below it by the recurrence.
 */
export function stirlingRemainder(x: number): number {
  if (x < 10) return logGamma(x) - ((x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI));
  const r = 1 / (x * x);
  return (
    (1 / 12 +
      r *
        (-1 / 360 +
          r * (1 / 1260 + r * (-1 / 1680 + r * (1 / 1188 + r * (-691 / 360360 + r / 156)))))) /
    x
  );
}

/** log Γ(x) for x > 0, by the recurrence up to x ≥ 10 and Stirling's series there; relative error of Γ about 1e-14. */
export function logGamma(x: number): number {
  let shifted = x;
  let product = 1;
  while (shifted < 10) {
    product *= shifted;
    shifted += 1;
  }
  return (
    (shifted - 0.5) * Math.log(shifted) -
    shifted +
    0.5 * Math.log(2 * Math.PI) +
    stirlingRemainder(shifted) -
    Math.log(product)
  );
}

/** `log Γ(a + b) − log Γ(a)` for a, b > 0, without the cancellation of two large logarithms. */
export function logGammaRatio(a: number, b: number): number {
  if (a < 10) return logGamma(a + b) - logGamma(a);
  return (
    (a + b - 0.5) * Math.log1p(b / a) +
    b * Math.log(a) -
    b +
    (stirlingRemainder(a + b) - stirlingRemainder(a))
  );
}

/** `w − log(1 + w) ≥ 0` for w ≥ −1, without cancellation: with `s = w/(2 + w)` it is `ws − 2(s³/3 + s⁵/5 + …)`. */
export function logGap(w: number): number {
  if (Math.abs(w) > 0.4) return w - Math.log1p(w);
  const s = w / (2 + w);
  let sum = 0;
  for (let k = 27; k >= 3; k -= 2) sum = s * s * (sum + 1 / k);
  return w * s - 2 * s * sum;
}

/**
 * `∫_0^∞ e^{g(w)} dw` for g(0) = 0 and g concave or `g ~ −c log w`, c > 0: the trapezoidal rule in log w, which
 * converges geometrically (Trefethen & Weideman, SIAM Review 56, 2014). All terms are positive: the relative error is that
 * of g.
 *
 * @param width - about where g has fallen to −1
 */
export function halfLineIntegral(g: (w: number) => number, width: number): number {
  const step = 1 / 16;
  let sum = 0;
  for (let k = -640; ; k++) {
    const w = width * Math.exp(k * step);
    const term = w * Math.exp(g(w));
    sum += term;
    if (k > 0 && !(term > 1e-19 * sum)) return step * sum;
  }
}

/** Above this parameter the incomplete functions are integrated; below it, series and fractions converge quickly. */
const largeParameter = 1e4;

/**
 * Regularised incomplete gamma functions `P(a, x) = γ(a,x)/Γ(a)` and `Q = 1 − P`, the smaller one without cancellation,
 * for finite a > 0, x ≥ 0. Series below x = a + 1, Lentz's continued fraction above (DLMF 8.11, 8.9); for large a the
 * integral from x away from the mode.
 */
export function incompleteGamma(a: number, x: number): { lower: number; upper: number } {
  if (x <= 0) return { lower: 0, upper: 1 };
  if (x === Number.POSITIVE_INFINITY) return { lower: 1, upper: 0 };
  const front = gammaFront(a, x);
  if (a > largeParameter) {
    const width = 1 / (Math.sqrt(a) + Math.abs(x - a));
    if (x >= a) {
      const rest = halfLineIntegral((w) => -(a - 1) * logGap(w) - (x - a + 1) * w, width);
      return { lower: 1 - front * rest, upper: front * rest };
    }
    const rest = halfLineIntegral(
      (w) => (w < 1 ? -(a - 1) * logGap(-w) - (a - 1 - x) * w : Number.NEGATIVE_INFINITY),
      width,
    );
    return { lower: front * rest, upper: 1 - front * rest };
  }
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let k = 1; Math.abs(term) > sum * 1e-17; k++) {
      term *= x / (a + k);
      sum += term;
    }
    const lower = Math.min(1, front * sum);
    // For small a almost everything lies below x, and the difference to 1 would lose the rest.
    const isSmallRest = a < 0.5 && lower > 0.5;
    const rest = isSmallRest
      ? front * halfLineIntegral((w) => (a - 1) * Math.log1p(w) - x * w, 1 / (1 + x))
      : 1 - lower;
    return { lower, upper: rest };
  }
  const fraction = continuedFraction(x + 1 - a, (k) => [k * (a - k), x + 2 * k + 1 - a]);
  const upper = front / fraction;
  return { lower: 1 - upper, upper };
}

/** `x^a e^{−x}/Γ(a)`, by its distance from the maximum where a is large. */
function gammaFront(a: number, x: number): number {
  if (a < 10) return Math.exp(a * Math.log(x) - x - logGamma(a));
  const exponent = a * logGap((x - a) / a) + stirlingRemainder(a);
  return Math.sqrt(a / (2 * Math.PI)) * Math.exp(-exponent);
}

/**
 * Regularised incomplete beta function `I_x(a, b)` for finite a, b > 0, 0 ≤ x ≤ 1, and `1 − I_x`, the smaller one without
 * cancellation (continued fraction, DLMF 8.17.22; for large a and b the integral from x away from the mode).
 * `complement` is 1 − x, to be given where it is known more precisely.
 */
export function incompleteBeta(
  a: number,
  b: number,
  x: number,
  complement = 1 - x,
): { lower: number; upper: number } {
  if (x <= 0) return { lower: 0, upper: 1 };
  if (complement <= 0) return { lower: 1, upper: 0 };
  const front = betaFront(a, b, x, complement);
  const odds = x / complement;
  const pull = a - 1 - (b - 1) * odds;
  const integrates = a > 1 && b > 1 && a + b > largeParameter;
  if (integrates ? pull < 0 : x > (a + 1) / (a + b + 2)) {
    const { lower, upper } = incompleteBeta(b, a, complement, x);
    return { lower: upper, upper: lower };
  }
  if (integrates) {
    const rest = halfLineIntegral(
      (w) =>
        w < 1
          ? -(a - 1) * logGap(-w) - (b - 1) * logGap(odds * w) - pull * w
          : Number.NEGATIVE_INFINITY,
      1 / (pull + Math.sqrt(a + b * odds * odds)),
    );
    const lower = (front / complement) * rest;
    return { lower, upper: 1 - lower };
  }
  if (a > 1000 && b <= 1) {
    // Near x = 1 the fraction would be the difference of 1 and nearly 1.
    const rest = halfLineIntegral(
      (w) =>
        w < 1
          ? (a - 1) * Math.log1p(-w) + (b - 1) * Math.log1p(odds * w)
          : Number.NEGATIVE_INFINITY,
      1 / (a + odds),
    );
    const lower = (front / complement) * rest;
    return { lower, upper: 1 - lower };
  }
  const fraction = continuedFraction(1, (k) => {
    const m = k >> 1;
    const numerator =
      k % 2 === 0
        ? (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
        : (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    return [numerator, 1];
  });
  const lower = front / (a * fraction);
  return { lower, upper: 1 - lower };
}

/** `x^a y^b/B(a, b)`, y = 1 − x, by its distance from the maximum where a and b are large. */
function betaFront(a: number, b: number, x: number, y: number): number {
  if (a < 10 || b < 10) {
    const [small, large] = a < b ? [a, b] : [b, a];
    const logs = a * logarithm(x, y) + b * logarithm(y, x);
    return Math.exp(logs + logGammaRatio(large, small) - logGamma(small));
  }
  const distance = x * b - y * a;
  const exponent =
    a * logGap(distance / a) +
    b * logGap(-distance / b) +
    (stirlingRemainder(a) + stirlingRemainder(b) - stirlingRemainder(a + b));
  return Math.sqrt((a / (a + b)) * (b / (2 * Math.PI))) * Math.exp(-exponent);
}

/** `log x` where `y = 1 − x` is known to more digits if x is near 1. */
function logarithm(x: number, y: number): number {
  return x > 0.5 ? Math.log1p(-y) : Math.log(x);
}

/** `b_0 + a_1/(b_1 + a_2/(b_2 + …))` by the modified Lentz method. */
function continuedFraction(
  b0: number,
  term: (k: number) => readonly [a: number, b: number],
): number {
  const tiny = 1e-300;
  let value = b0 === 0 ? tiny : b0;
  let c = value;
  let d = 0;
  for (let k = 1; k <= 100_000; k++) {
    const [a, b] = term(k);
    d = b + a * d;
    if (d === 0) d = tiny;
    c = b + a / c;
    if (c === 0) c = tiny;
    d = 1 / d;
    const factor = c * d;
    value *= factor;
    if (Math.abs(factor - 1) < 1e-16) return value;
  }
  return value;
}
