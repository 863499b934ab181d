import { type ConformanceCase, type Entry, normal, normalTimes, trialCase } from './trial.ts';

/** Pairwise log-sum-exp and the Gaussian moment flow. */
export function transportCases(): ConformanceCase[] {
  return [
    ...pairShapes.flatMap(([d, n, m]) =>
      Object.entries(previousValues).map(([content, previous]) =>
        pairwiseCase(d, n, m, 0.5, content, previous),
      ),
    ),
    pairwiseCase(2, 33, 40, 1e-3, 'ε = 1e-3', normal),
    pairwiseCase(2, 33, 40, 1e3, 'ε = 1e3', normal),
    pairwiseHolesCase(),
    ...[1, 2, 3, 4, 5].flatMap((d) => [1, 3].map((heads) => momentsCase(d, heads, 21))),
    momentsCase(4, 1, 1),
    momentsCase(2, 2, 130),
    momentsCase(7, 2, 5),
  ];
}

const pairShapes: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [2, 7, 5],
  [3, 130, 70],
  [10, 17, 300],
];

const previousValues: Readonly<Record<string, Entry>> = {
  'near estimate': normal,
  'estimate far too high': normalTimes(1e5),
  'no estimate (0)': () => 0,
  'infinite estimate': () => Number.POSITIVE_INFINITY,
};

function pairwiseCase(
  d: number,
  n: number,
  m: number,
  epsilon: number,
  content: string,
  previous: Entry,
): ConformanceCase {
  return trialCase({
    name: `pairwise log-sum-exp, d=${d} n=${n} m=${m}, ${content}`,
    samples: 2,
    growth: 256 * Math.max(1, epsilon),
    write({ builder, operand, scalar }) {
      builder.emit({
        op: 'pairwiseLogSumExp',
        x: operand('x', d, n),
        y: operand('y', d, m),
        potential: operand('potential', 1, m),
        logWeights: operand('log weights', 1, m, { entry: () => -Math.log(m) }),
        previous: operand('previous', 1, n, { entry: previous }),
        out: operand('out', 1, n),
        epsilon: scalar('epsilon', epsilon),
      });
    },
  });
}

/** Keys without mass (log weight −∞): some, then all; the result replaces the previous one. */
function pairwiseHolesCase(): ConformanceCase {
  return trialCase({
    name: 'pairwise log-sum-exp, keys without mass, in place',
    samples: 3,
    growth: 256,
    write({ builder, operand, scalar }) {
      const out = operand('out', 1, 19);
      builder.emit({
        op: 'pairwiseLogSumExp',
        x: operand('x', 2, 19),
        y: operand('y', 2, 23),
        potential: operand('potential', 1, 23),
        logWeights: operand('log weights', 1, 23, {
          entry: (random, _, j, s) => (s === 2 || j % (s + 2) === 0 ? -Infinity : random.normal()),
        }),
        previous: out,
        out,
        epsilon: scalar('epsilon', 0.25),
      });
    },
  });
}

function momentsCase(d: number, heads: number, n: number): ConformanceCase {
  return trialCase({
    name: `Gaussian moments, d=${d} H=${heads}, ${n} points`,
    samples: 2,
    growth: 2048,
    write({ builder, operand, scalar }) {
      const small = normalTimes(0.5 / d);
      builder.emit({
        op: 'gaussianMoments',
        dimension: d,
        heads,
        steps: 20,
        tau: scalar('tau', 0.02),
        mean: operand('mean', d, n),
        covariance: operand('covariance', d * d, n, {
          entry: (_, i, j, s) => symmetric(Math.floor(i / d), i % d, j + 7 * s),
        }),
        V: operand('V', heads * d * d, n, { entry: small }),
        B: operand('B', heads * d * d, n, { entry: small }),
        W: operand('W', d * d, n, { entry: small }),
        b: operand('b', d, n),
      });
    },
  });
}

/** A positive definite matrix with unequal entries. */
function symmetric(row: number, column: number, point: number): number {
  return (row === column ? 1 : 0) + 0.1 * Math.cos((row + 1) * (column + 1) + point);
}
