import * as z from 'zod';
import { type CovarianceTarget, randomTarget } from '../../gaussian/assignment.ts';
import { type AssignmentRecord, measureAssignment } from '../../gaussian/measure/assignment.ts';
import { slopeBias } from '../../gaussian/measure/slope-bias.ts';
import { finiteWeightVariance } from '../../gaussian/measure/weight-growth.ts';
import { fromRows } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { agreement, identical } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { experimentCount, increasing, matrix } from '../fields.ts';
import { experiments } from '../given.ts';
import { decayInWords, sampledOrder } from '../order.ts';
import { completed, largestOf } from './conditions.ts';

const targets = experiments({
  label: 'covariances to hold',
  shared: {
    tokens: increasing([64, 128, 256, 512], 4, 'numbers of tokens n', 2),
    samples: z.int().min(2).default(8).describe('independent clouds for each n and group'),
  },
  own: { targets: experimentCount(6, 'random Σ* and W', 2) },
  data: {
    target: matrix.describe('Σ*, d × d, symmetric positive definite'),
    W: matrix.describe('feed-forward matrix, d × d, eigenvalues of positive real parts'),
    value: z.number().default(-8).describe('v of V = vI, not 0; v < 0 keeps the mean stable too'),
    groups: z.int().min(2).default(6).describe('independent groups of clouds'),
  },
  full: { targets: 30, samples: 16, tokens: [64, 128, 256, 512, 1024] },
  pieces: (given) => (given.explicit ? given.groups : given.targets),
});
type Targets = ReturnType<typeof targets.parse>;

export function assignmentConclusion(
  given: Pick<Targets, 'tokens'>,
  records: readonly AssignmentRecord[],
): Conclusion {
  const { tokens } = given;
  const approaches = records.map(({ approach }) => approach);
  const clouds = records.map((one) => one.clouds);
  const moved = clouds.filter(({ moments }) => moments.length > 0);
  const largestOfM = Math.max(...approaches.map((one) => one.largestOfM.value));
  const tilt = largestOf(clouds, (one) => one.tilt);
  const variance = largestOf(clouds, (one) => one.weightGrowth);
  const order = sampledOrder({
    name: 'order of the error of the moments in n',
    failsIf: 'n tokens do not follow the law to Σ*, or more slowly than n^(−1/2)',
    ...{ scales: tokens, rows: moved.map(({ moments }) => moments), bias: slopeBias(tokens) },
    ...{ order: -0.5, side: 'at least as fast' },
  });
  return {
    hypotheses: [
      {
        name: 'M negative definite, so that every law is drawn to Σ* (largest eigenvalue)',
        holds: largestOfM < 0,
        value: largestOfM,
      },
      {
        name: 'tilt below ½√(2 ln n), for the rate of tokens (ratio)',
        holds: tilt < 0.5,
        value: tilt,
      },
      {
        name: 'weights of finite variance along the flow (largest)',
        holds: variance < finiteWeightVariance,
        value: variance,
      },
    ],
    resolution: [
      completed('the moment flow', [...clouds, ...approaches]),
      {
        name: 'the steps of the tokens are fine enough for the largest cloud',
        holds: moved.length === clouds.length,
        value: `${moved.length} of ${clouds.length}`,
      },
    ],
    checks: [
      identical({
        name: 'the covariance at rest under the layer, and Σ*',
        failsIf: 'B = M/2v, M = −(Σ*⁻¹W + WᵀΣ*⁻¹), does not hold Σ*',
        of: records.map(({ held }) => held),
      }),
      agreement({
        name: 'Σ(t): integrated, and P* + e^(−Wᵀt)(P₀ − P*)e^(−Wt) inverted',
        failsIf: 'laws near Σ* otherwise than at the rates λ_i(W) + λ_j(W)',
        of: approaches.flatMap(({ path, limit }) => [...path, ...(limit ? [limit] : [])]),
      }),
      identical({
        name: 'power sums of the Jacobian’s spectrum and of −(λ_i(W) + λ_j(W))',
        failsIf: 'Σ* is stable at other rates',
        of: approaches.flatMap((one) => one.powerSums),
      }),
      order,
    ],
    evidence: {
      'held.difference': records.map(({ held }) => held.difference / held.scale),
      'M.largest': approaches.map((one) => one.largestOfM.value),
      tokens,
      'moments.error': moved.map(({ moments }) => moments),
      'tilt.ratio': clouds.map((one) => one.tilt),
    },
    summary: `The layer holds Σ* to ${largestOf(records, ({ held }) => held.difference / held.scale).toExponential(1)} of its size; tokens follow the law to it ${decayInWords('n', order)}.`,
    figures: [
      convergenceFigure({
        id: 'C.assignment',
        title: 'Tokens follow the law to the assigned covariance',
        caption: 'Relative error of the moments of n tokens. Band: range over layers.',
        ...{ scale: 'tokens n', quantity: 'relative error' },
        curves: [
          {
            ...{ series: 'moments', scales: tokens, slope: -0.5 },
            rows: moved.map(({ moments }) => moments),
          },
        ],
      }),
    ],
  };
}

/** A constant layer that holds a wanted covariance. */
export const assignment = claim<Targets, AssignmentRecord>({
  id: 'C.assignment',
  title: 'Any covariance can be held by a constant layer',
  statement:
    'For $\\Sigma^* \\succ 0$, $\\operatorname{Re}\\lambda(W) > 0$, $V = vI$, $v \\ne 0$ and $B = \\tfrac1{2v}M$, $M = -(\\Sigma^{*-1}W + W^\\top\\Sigma^{*-1})$, $\\Sigma^*$ is at rest and stable with spectrum $-(\\lambda_i(W)+\\lambda_j(W))$; where $M \\prec 0$ every $\\Sigma_0 \\succ 0$ tends to it, and n tokens follow up to $O(n^{-1/2})$.',
  trust: { statement: 'D' },
  references: [
    {
      key: 'hotz1987covariance',
      title: 'Covariance control theory',
      authors: ['Hotz', 'Skelton'],
      year: 1987,
    },
  ],
  given: targets,
  measure({ backend, given, seed, index }) {
    const { tokens, samples } = given;
    const wanted: CovarianceTarget = given.explicit
      ? { target: fromRows(given.target, 'target'), W: fromRows(given.W, 'W'), value: given.value }
      : randomTarget(randomStream(seed, 'C.assignment', index), index);
    return measureAssignment(backend, wanted, { tokens, samples, seed: 10_000 * seed + index });
  },
  conclude: (records, { given }) => assignmentConclusion(given, records),
});
