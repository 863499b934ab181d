import { expect, it } from 'vitest';
import type { CoupledRuns } from '../../heads/coupled-runs.ts';
import { headCounts, stepCounts } from '../../heads/coupled-runs.ts';
import type { MonotoneFlows } from '../../heads/monotone-flows.ts';
import { concludeClaim } from '../claim.ts';
import { chaos } from './chaos.ts';
import { monotonicity } from './monotonicity.ts';

/** Measurements as they were met once, with the verdicts that they deserve. */

const conclude = <M>(claim: object, pieces: readonly M[], given: object) =>
  concludeClaim(claim as typeof chaos, pieces as never, { given: given as never, seed: 1 });

/** Runs whose errors fall with this power of every scale. */
const runsOf = (power: number, group: number, contraction = 1 / 16): CoupledRuns => {
  const errors = (scales: readonly number[]) => scales.map((x) => 0.1 * x ** power);
  const heads = { risk: errors(headCounts), coupled: errors(headCounts) };
  return {
    contraction: group === 0 ? contraction : undefined,
    ...{ byHeads: heads, together: heads, wasserstein: errors(headCounts) },
    byStep: { risk: errors(stepCounts), coupled: errors(stepCounts) },
  };
};
const groupsOf = (powers: readonly number[], contraction?: number) =>
  powers.map((power, group) => ({ runs: runsOf(power, group, contraction) }));

it('B.chaos is undecided where groups scatter from −0.98 to −0.07, with the rivals that they do not exclude', () => {
  const { verdict, summary } = conclude(chaos, groupsOf([-0.98, -0.6, -0.4, -0.07]), {
    horizon: 2,
  });
  expect(verdict).toBe('undecided');
  expect(summary).toContain('-0.25');
});

it('B.chaos holds at the order, and fails at none', () => {
  const around = (order: number) => [-0.02, -0.01, 0.01, 0.02].map((by) => order + by);
  expect(conclude(chaos, groupsOf(around(-0.5)), { horizon: 2 }).verdict).toBe('holds');
  expect(conclude(chaos, groupsOf(around(-0.1)), { horizon: 2 }).verdict).toBe('fails');
});

it('B.chaos says nothing of flows that their steps do not resolve', () => {
  const { verdict, summary } = conclude(chaos, groupsOf([-0.1, -0.11, -0.09], 0.7), { horizon: 2 });
  expect(verdict).toBe('undecided');
  expect(summary).toContain('the steps resolve the flow');
});

/** Flows at exactly the rate κ, as where no token says anything: all directions decay at λ. */
const flowsAt = (rate: number, rateError: number, more: Partial<MonotoneFlows> = {}) => {
  const times = [0, 1, 2];
  const distances = times.map((t) => Math.exp(-rate * t));
  const search = {
    ...{ kappa: 1, ends: [1], head: new Float64Array(1), direction: new Float64Array(1) },
    law: {} as MonotoneFlows['search']['law'],
  };
  const found: MonotoneFlows = {
    ...{ search, pair: [1, 1], upper: 1, radius: 2, gap: 0, optimumHeads: 1 },
    flows: [{ times, distances, quotients: [1, 1, 1], largestHead: 1, restlessness: 0 }],
    ...{ rates: [rate], rateErrors: [rateError], ...more },
  };
  return [{ regularisation: 1, found }];
};
const explicit = { explicit: true };

it('B.monotonicity takes no rate for slower than κ by less than twice the step changes it', () => {
  expect(conclude(monotonicity, flowsAt(1 - 1e-9, 1e-8), explicit).verdict).not.toBe('fails');
  expect(conclude(monotonicity, flowsAt(1 - 1e-9, 1e-12), explicit).verdict).toBe('fails');
  expect(conclude(monotonicity, flowsAt(1.1, 1e-8), explicit).verdict).toBe('holds');
});

it('B.monotonicity does not accept a κ above λ_min(H_Ψ) at the optimum, 0.993 against 0.977', () => {
  const circular = flowsAt(1.1, 1e-8, { upper: 0.977 / 0.993 });
  expect(conclude(monotonicity, circular, explicit).verdict).toBe('fails');
});

it('B.monotonicity is undecided where a flow meets a quotient that the search missed', () => {
  const flows = [
    { times: [0, 1], distances: [1, 0.3], quotients: [1, 0.9], largestHead: 1, restlessness: 0 },
  ];
  const { verdict, summary } = conclude(monotonicity, flowsAt(1.1, 1e-8, { flows }), explicit);
  expect(verdict).toBe('undecided');
  expect(summary).toContain('the search missed it');
});
