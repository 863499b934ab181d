import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as numeric from './index.ts';
import { frobeniusNorm, type Matrix, multiply, oneNorm } from './matrix.ts';
import * as special from './special-functions.ts';
import {
  byCondition,
  epsilon,
  type Judge,
  matrix,
  near,
  nearAll,
  nearInterval,
  nearMatrix,
  nearSpectrum,
  numbers,
  ofMatrices,
  parts,
  relative,
  rowsOf,
  scalar,
  schurResidual,
} from './test-support.ts';

/** The arguments of a call, and what 60 digits say. */
interface Row {
  readonly arguments: readonly unknown[];
  readonly value: unknown;
}

/** Made by `bench/peers/extremes.py` in 60 digits; arguments are doubles, taken as they are. */
const oracle = JSON.parse(
  readFileSync(new URL('./extremes.oracle.json', import.meta.url), 'utf8'),
  (_, value) =>
    value === 'inf'
      ? Number.POSITIVE_INFINITY
      : value === '-inf'
        ? Number.NEGATIVE_INFINITY
        : value,
) as Record<string, readonly Row[]>;

interface Line {
  readonly slope: number;
  readonly intercept: number;
  readonly slopeInterval: number[] | null;
  readonly interceptInterval: number[] | null;
  readonly residualDeviation: number;
}

const product = (x: readonly number[], y: readonly number[]) =>
  x.reduce((sum, entry, i) => sum + Math.abs(entry * y[i]), 0);

const fits: Record<string, Judge> = {
  fitLine([x, y, confidence], value) {
    const found = numeric.fitLine(numbers(x), numbers(y), { confidence: confidence as number });
    const exact = value as Line;
    relative(found.slope, exact.slope);
    relative(found.intercept, exact.intercept);
    nearInterval(found.slopeInterval, exact.slopeInterval);
    nearInterval(found.interceptInterval, exact.interceptInterval);
    relative(found.residualDeviation, exact.residualDeviation);
  },
  meanInterval([values, confidence], value) {
    const found = numeric.meanInterval(numbers(values), { confidence: confidence as number });
    const exact = value as { mean: number; deviation: number; interval: number[] };
    relative(found.mean, exact.mean);
    relative(found.deviation, exact.deviation);
    nearInterval(found.interval, exact.interval);
  },
  fitRate([x, y], value) {
    const found = numeric.fitRate({ x: numbers(x), y: rowsOf(y) });
    const exact = value as {
      slope: number;
      constant: number;
      slopes: number[];
      interval: number[];
    };
    relative(found.slope, exact.slope);
    // An exponential of a number near 700.
    relative(found.constant, exact.constant, 1e-11);
    nearAll(found.slopes, exact.slopes, 1e-12);
    nearInterval(found.interval, exact.interval);
  },
  binomialInterval([successes, trials, confidence], value) {
    const found = numeric.binomialInterval(successes as number, trials as number, {
      confidence: confidence as number,
    });
    found.forEach((end, i) => {
      relative(end, numbers(value)[i]);
    });
  },
};

const vectors: Record<string, Judge> = {
  dot: ([x, y], value) =>
    near(
      numeric.dot(numbers(x), numbers(y)),
      value as number,
      3 * epsilon * product(numbers(x), numbers(y)),
    ),
  norm: ([x], value) => relative(numeric.norm(numbers(x)), value as number, 2 * epsilon),
  largestMagnitude: ([x], value) => expect(numeric.largestMagnitude(numbers(x))).toBe(value),
  addScaled([x, alpha, y], value) {
    const sum = Float64Array.from(numbers(x));
    numeric.addScaled(sum, alpha as number, numbers(y));
    numbers(value).forEach((entry, i) => {
      const size = Math.abs(numbers(x)[i]) + Math.abs((alpha as number) * numbers(y)[i]);
      near(sum[i], entry, epsilon * size);
    });
  },
  complexSqrt([real, imaginary], value) {
    const found = numeric.complexSqrt(real as number, imaginary as number);
    found.forEach((part, i) => {
      relative(part, numbers(value)[i], 4 * epsilon);
    });
  },
};

const entries: Record<string, Judge> = {
  multiply: ofMatrices(numeric.multiply),
  multiplyVector([a, x], value) {
    const found = numeric.multiplyVector(matrix(a), numbers(x));
    numbers(value).forEach((entry, i) => {
      near(found[i], entry, 4 * epsilon * product(rowsOf(a)[i], numbers(x)));
    });
  },
  outerProduct: ([x, y], value) =>
    nearMatrix(numeric.outerProduct(numbers(x), numbers(y)), value, epsilon),
  scale: ofMatrices(numeric.scale),
  add: ofMatrices(numeric.add),
  subtract: ofMatrices(numeric.subtract),
  symmetricPart: ofMatrices(numeric.symmetricPart),
  trace: ([a], value) =>
    near(numeric.trace(matrix(a)), value as number, 3 * epsilon * oneNorm(matrix(a))),
  frobeniusNorm: ([a], value) =>
    relative(numeric.frobeniusNorm(matrix(a)), value as number, 4 * epsilon),
  largestEntry: ([a], value) => expect(numeric.largestEntry(matrix(a))).toBe(value),
  oneNorm: ([a], value) => relative(numeric.oneNorm(matrix(a)), value as number, 4 * epsilon),
};

const decompositions: Record<string, Judge> = {
  inverse: ofMatrices(numeric.inverse, byCondition),
  solve: ofMatrices(numeric.solve, byCondition),
  luFactors([a, b], value) {
    const solver = numeric.luFactors(matrix(a));
    const x = solver?.(Float64Array.from(rowsOf(b).flat())) ?? [];
    nearAll(x, rowsOf(value).flat(), byCondition(matrix(a)));
  },
  isSingularToRounding: ([a], value) => expect(numeric.isSingularToRounding(matrix(a))).toBe(value),
  symmetricEigen: ([a], value) =>
    nearAll(numeric.symmetricEigen(matrix(a)).values, numbers(value), 20 * epsilon),
  positiveSemidefiniteEigen: ([a], value) =>
    nearAll(numeric.positiveSemidefiniteEigen(matrix(a)).values, numbers(value), 20 * epsilon),
  // Errors of eigenvalues are theirs times the function's slope.
  spectralFunction: ([a], value) =>
    nearMatrix(
      numeric.spectralFunction(numeric.symmetricEigen(matrix(a)), Math.exp),
      value,
      20 * epsilon * Math.max(1, frobeniusNorm(matrix(a))),
    ),
  eigenvalues: ([a], value) => nearSpectrum(numeric.eigenvalues(matrix(a)), value, matrix(a)),
  schurForm([a], value) {
    const form = numeric.schurForm(matrix(a));
    expect(schurResidual(form, matrix(a))).toBeLessThan(40 * epsilon);
    const n = form.T.size;
    const diagonal = (data: Float64Array) =>
      Float64Array.from({ length: n }, (_, i) => data[i * n + i]);
    const found = { real: diagonal(form.T.real), imaginary: diagonal(form.T.imaginary) };
    nearSpectrum(found, value, matrix(a));
  },
  singularValueDecomposition([a], value) {
    const { left, values, right } = numeric.singularValueDecomposition(matrix(a));
    nearAll(values, numbers(value), 20 * epsilon);
    const back = multiply(left, numeric.diagonal(values), numeric.transpose(right));
    nearMatrix(back, a, 20 * epsilon);
  },
  spectralNorm: ([a], value) =>
    relative(numeric.spectralNorm(matrix(a)), value as number, 20 * epsilon),
  numericalRank: ([a], value) => expect(numeric.numericalRank(matrix(a))).toBe(value),
  pseudoInverse: ofMatrices(numeric.pseudoInverse, (a: Matrix) =>
    numeric.numericalRank(a) === a.columns ? byCondition(a) : 20 * epsilon,
  ),
  qrDecomposition([a], value) {
    const { Q, R } = numeric.qrDecomposition(matrix(a));
    nearMatrix(R, value, byCondition(matrix(a)));
    nearMatrix(multiply(Q, R), a, 20 * epsilon);
  },
  cholesky: ofMatrices(numeric.cholesky, byCondition),
};

const functions: Record<string, Judge> = {
  // Squaring e^{A/2^s} s times multiplies its error by 2^s: about ρ(A), however far A is from normal.
  matrixExponential: ofMatrices(numeric.matrixExponential, (a: Matrix) => {
    const { real, imaginary } = numeric.eigenvalues(a);
    return 40 * epsilon * Math.max(10, ...real.map((x, i) => Math.hypot(x, imaginary[i])));
  }),
  symmetricSquareRoot: ofMatrices(numeric.symmetricSquareRoot, () => 1e-12),
  symmetricLogarithm: ofMatrices(numeric.symmetricLogarithm, () => 1e-11),
  exponentialIntegral: ofMatrices(numeric.exponentialIntegral, () => 1e-11),
  principalLogarithm: ofMatrices(numeric.principalLogarithm, (a: Matrix) =>
    Math.max(1e-14, 10 * epsilon * numeric.logarithmCondition(a)),
  ),
  principalSquareRoot: ofMatrices(numeric.principalSquareRoot, (a: Matrix) =>
    Math.max(1e-14, 10 * epsilon * numeric.squareRootCondition(a)),
  ),
  logarithmCondition: ([a], value) => condition(numeric.logarithmCondition(matrix(a)), value),
  squareRootCondition: ([a], value) => condition(numeric.squareRootCondition(matrix(a)), value),
  solveSylvester: ofMatrices(numeric.solveSylvester, () => 1e-11),
  solveLyapunov: ofMatrices(numeric.solveLyapunov, () => 1e-10),
};

/** Estimates from below, to a hundredth. */
function condition(found: number, value: unknown): void {
  expect(found).toBeLessThanOrEqual((value as number) * (1 + 1e-9));
  expect(found).toBeGreaterThan(0.98 * (value as number));
}

const iterations: Record<string, Judge> = {
  powerIteration([a], value) {
    const start = Float64Array.from(rowsOf(a), (_, i) => 1 + 0.1 * i);
    const apply = (v: Float64Array) => numeric.multiplyVector(matrix(a), v);
    const options = { iterations: 10_000, tolerance: 1e-15 };
    relative(numeric.powerIteration(apply, start, options).value, value as number);
  },
  async smallestEigenpair([a], value) {
    const { rows } = matrix(a);
    const { value: found, residual } = await numeric.smallestEigenpair({
      apply: (v, out) => out.set(numeric.multiplyVector(matrix(a), v)),
      start: Float64Array.from({ length: rows }, (_, i) => 1 + 0.1 * i),
      tolerance: 1e-9,
    });
    // Some eigenvalue lies within the residual.
    near(found, value as number, residual + 100 * epsilon);
    relative(found, value as number, 1e-9);
  },
  // A sample of what perturbations can do at the most.
  spectrumUncertainty([a], value) {
    const found = numeric.spectrumUncertainty(matrix(a));
    expect(found).toBeLessThan(3 * (value as number));
    expect(found).toBeGreaterThan(0.01 * (value as number));
  },
};

const judges: Record<string, Judge> = {
  normalUpperTail: scalar(numeric.normalUpperTail),
  normalQuantile: scalar(numeric.normalQuantile),
  chiSquareUpperTail: scalar(numeric.chiSquareUpperTail),
  studentUpperTail: scalar(numeric.studentUpperTail),
  studentQuantile: scalar(numeric.studentQuantile),
  betaQuantile: scalar(numeric.betaQuantile),
  betaUpperQuantile: scalar(numeric.betaUpperQuantile),
  stirlingRemainder: scalar(special.stirlingRemainder, 1e-12),
  // Of Γ: an absolute error of the logarithm.
  logGamma: ([x], value) =>
    near(
      special.logGamma(x as number),
      value as number,
      1e-14 + 4 * epsilon * Math.abs(value as number),
    ),
  logGammaRatio: ([a, b], value) =>
    near(
      special.logGammaRatio(a as number, b as number),
      value as number,
      1e-14 + 4 * epsilon * Math.abs(value as number),
    ),
  logGap: scalar(special.logGap, 1e-14),
  halfLineIntegral: ([kind, c], value) => {
    const rate = c as number;
    const g =
      kind === 'power'
        ? (w: number) => -rate * Math.log1p(w)
        : (w: number) => -w * (rate + 0.5 * w);
    relative(special.halfLineIntegral(g, 1 / (1 + rate)), value as number);
  },
  incompleteGamma: parts(special.incompleteGamma),
  incompleteBeta: parts(special.incompleteBeta),
  wholePower: ([base, exponent], value) =>
    relative(
      numeric.wholePower(base as number, exponent as number),
      value as number,
      epsilon * Math.max(1, exponent as number),
    ),
  positivePower: ([base, exponent], value) =>
    relative(
      numeric.positivePower(base as number, exponent as number),
      value as number,
      epsilon * (1 + Math.abs((exponent as number) * Math.log(base as number))),
    ),
  ...fits,
  ...vectors,
  ...entries,
  ...decompositions,
  ...functions,
  ...iterations,
};

/** Exported functions without a row, and why. */
const without: Record<string, string> = {
  refuse: 'a refusal',
  requireThat: 'a refusal',
  requireFinite: 'a refusal',
  requireShape: 'a refusal',
  requirePositive: 'a refusal',
  requireCount: 'a refusal',
  requireProbability: 'a refusal',
  requireSquare: 'a refusal',
  requireSymmetric: 'a refusal',
  shapeMismatch: 'a refusal',
  zeros: 'moves entries',
  identity: 'moves entries',
  diagonal: 'moves entries',
  fromRows: 'moves entries',
  toRows: 'moves entries',
  transpose: 'moves entries',
  exactUnit: 'a power of two',
  block: 'moves entries',
  fromBlocks: 'moves entries',
  powerSteps: 'what powerIteration runs',
  spectrumDistance: 'what judges the rows of eigenvalues; by hand in spectrum.test.ts',
  randomStream: 'draws; its moments and known draws are in random.test.ts',
};

it('every exported function has a row, and every row a judge', () => {
  const exported = Object.entries({ ...numeric, ...special })
    .filter(([, value]) => typeof value === 'function')
    .map(([name]) => name);
  expect([...Object.keys(judges), ...Object.keys(without)].sort()).toEqual(exported.sort());
  expect(Object.keys(oracle).sort()).toEqual(Object.keys(judges).sort());
  for (const rows of Object.values(oracle)) expect(rows.length).toBeGreaterThan(0);
});

describe.each(Object.entries(judges))('%s', (name, judge) => {
  it.each(oracle[name].map((row) => [JSON.stringify(row.arguments).slice(0, 80), row] as const))(
    'at %s',
    async (_, row) => {
      await judge(row.arguments, row.value);
    },
  );
});
