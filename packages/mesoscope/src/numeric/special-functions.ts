/**
 * log Γ(x) for x > 0, by the recurrence up to x ≥ 10 and Stirling's series there; relative error of Γ about 1e-14.
 */
export function logGamma(x: number): number {
  let shifted = x;
  let product = 1;
  while (shifted < 10) {
    product *= shifted;
    shifted += 1;
  }
  const r = 1 / (shifted * shifted);
  const series =
    (1 / 12 +
      r *
        (-1 / 360 +
          r * (1 / 1260 + r * (-1 / 1680 + r * (1 / 1188 + r * (-691 / 360360 + r / 156)))))) /
    shifted;
  return (
    (shifted - 0.5) * Math.log(shifted) -
    shifted +
    0.5 * Math.log(2 * Math.PI) +
    series -
    Math.log(product)
  );
}

/**
 * Regularised incomplete gamma functions `P(a, x) = γ(a,x)/Γ(a)` and `Q = 1 − P`, each without cancellation, for
 * a > 0, x ≥ 0. Series below x = a + 1, Lentz's continued fraction above (DLMF 8.11, 8.9).
 */
export function incompleteGamma(a: number, x: number): { lower: number; upper: number } {
  if (x <= 0) return { lower: 0, upper: 1 };
  if (x === Number.POSITIVE_INFINITY) return { lower: 1, upper: 0 };
  const front = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let k = 1; Math.abs(term) > sum * 1e-17; k++) {
      term *= x / (a + k);
      sum += term;
    }
    const lower = Math.min(1, front * sum);
    return { lower, upper: 1 - lower };
  }
  const fraction = continuedFraction(x + 1 - a, (k) => [k * (a - k), x + 2 * k + 1 - a]);
  const upper = front / fraction;
  return { lower: 1 - upper, upper };
}

/**
 * Regularised incomplete beta function `I_x(a, b)` for a, b > 0, 0 ≤ x ≤ 1, and `1 − I_x` without cancellation
 * (continued fraction, DLMF 8.17.22). `complement` is 1 − x, to be given where it is known more precisely.
 */
export function incompleteBeta(
  a: number,
  b: number,
  x: number,
  complement = 1 - x,
): { lower: number; upper: number } {
  if (x <= 0) return { lower: 0, upper: 1 };
  if (complement <= 0) return { lower: 1, upper: 0 };
  if (x > (a + 1) / (a + b + 2)) {
    const { lower, upper } = incompleteBeta(b, a, complement, x);
    return { lower: upper, upper: lower };
  }
  const front =
    Math.exp(
      a * Math.log(x) + b * Math.log(complement) + logGamma(a + b) - logGamma(a) - logGamma(b),
    ) / a;
  const fraction = continuedFraction(1, (k) => {
    const m = k >> 1;
    const numerator =
      k % 2 === 0
        ? (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
        : (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    return [numerator, 1];
  });
  const lower = front / fraction;
  return { lower, upper: 1 - lower };
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
