import { fitOrder } from '../convergence-order.ts';
import type { Figure, Mark } from '../figure.ts';
import { judgeOrder, type OrderAnswer, rowsOrRow } from '../judge-order.ts';
import { type Assumption, type Evidence, type Expected, type Finding, judge } from '../legacy.ts';
import type { HamiltonianRecord } from './hamiltonian-record.ts';
import { orderFigure } from './order-figure.ts';

/** The violation of the first-order condition up to which a point counts as stationary. */
const stationary = 1e-8;

/** The part of λ that the smallest eigenvalue of `∇²_θ E[H]` must keep: 0 is a direction in which controls may jump. */
const convexShare = 0.05;

/** The order at which difference quotients of the controls may grow with L: 0 if they are Lipschitz, 1 with jumps. */
const largestGrowth = 0.5;

/** Solutions at several depths, one row of records per problem. */
export type Solutions = readonly (readonly HamiltonianRecord[])[];

/** Problems beside those that decide. */
export interface FurtherSolutions {
  /**
   * With an H¹ penalty: controls are Lipschitz although they act nonlinearly. Reported, not judged: such problems have
   * many optima, and the solver need not follow one of them from depth to depth, nor reach one at all depths; the order
   * is that of the problems solved at all of them.
   */
  readonly smooth?: Solutions;
  /** One problem with too little regularisation, for comparison. */
  readonly weak?: readonly HamiltonianRecord[];
}

/** The finding from solutions at several depths. */
export function hamiltonianFinding(solutions: Solutions, further: FurtherSolutions = {}): Finding {
  const { smooth = [], weak = [] } = further;
  const { answer, depths, deviations, steepness, growth } = judgeSolutions(solutions);
  const solved = smooth.filter((records) =>
    records.every((record) => record.residual <= stationary),
  );
  const beside = solved.length === 0 ? undefined : judgeSolutions(solved);
  const means = rowsOf(solutions, (record) => record.mean);
  return {
    assumptions: answer.assumptions,
    evidence: {
      depths,
      deviations: rowsOrRow(deviations),
      'deviations.relative': rowsOrRow(
        deviations.map((row, seed) => row.map((x, i) => x / Math.abs(means[seed][i]))),
      ),
      means: rowsOrRow(means),
      ...answer.evidence,
      'controls.steepness': rowsOrRow(steepness),
      'controls.growth': growth,
      'stationary.residuals': rowsOrRow(rowsOf(solutions, (record) => record.residual)),
      'coercive.curvatures': rowsOrRow(rowsOf(solutions, (record) => record.curvature)),
      'coercive.regularisation': solutions[0][0].regularisation,
      ...(beside === undefined ? {} : smoothEvidence(solved, beside)),
      ...(smooth.length === 0
        ? {}
        : { 'smooth.problems': smooth.length, 'smooth.solved': solved.length }),
      ...weakEvidence(weak),
    },
    measured: answer.measured,
    expected: { kind: 'value', value: -1 },
    interval: answer.interval,
    verdict: answer.verdict,
    summary: `${summaryOf(answer.verdict, answer.measured, deviations)}${smoothSummary(beside)}${weakSummary(weak)}`,
    figures: [
      profileFigure({
        id: 'A.hamiltonian',
        title: 'The Hamiltonian over depth',
        caption:
          'E⟨p, f⟩ + g(θ) at every layer of the solutions at several depths. Expected: constant along a strong extremal.',
        records: solutions[0],
      }),
      orderFigure({
        id: 'A.hamiltonian-order',
        title: 'How constant the Hamiltonian is',
        caption:
          'Standard deviation of the Hamiltonian over the layers. Band: range over problems. Expected: order 1 where the problem is coercive; where it is not, gradient training finds controls that jump and a Hamiltonian that does not settle.',
        quantity: 'std of H over layers',
        curves: [
          { series: 'coercive', layers: depths, errors: deviations },
          ...(beside === undefined
            ? []
            : [{ series: 'H¹ penalty', layers: beside.depths, errors: beside.deviations }]),
          ...(weak.length === 0
            ? []
            : [
                {
                  series: 'weak regularisation',
                  layers: weak.map((record) => record.layers),
                  errors: [weak.map((record) => record.deviation)],
                },
              ]),
        ],
        expected: [{ slope: -1, curve: 0 }],
      }),
      ...(weak.length === 0
        ? []
        : [
            profileFigure({
              id: 'A.hamiltonian-weak',
              title: 'The Hamiltonian over depth, weak regularisation',
              caption: `E⟨p, f⟩ + g(θ) where λ = ${weak[0].regularisation} is too small for the controls to be Lipschitz in depth.`,
              records: weak,
            }),
          ]),
    ],
  };
}

/** The finding from one model at its one depth: how constant H is, and whether it had to be. */
export function hamiltonianOfModel(record: HamiltonianRecord): Finding {
  const relative = record.deviation / record.size;
  const expected: Expected = { kind: 'at-most', value: 1 / record.layers };
  const assumptions = solutionAssumptions([record]);
  const verdict = judge(assumptions, relative, null, expected);
  const unmet = assumptions.filter(({ holds }) => !holds).map(({ name }) => `not ${name}`);
  return {
    assumptions,
    evidence: {
      'hamiltonian.values': record.values,
      'hamiltonian.depths': record.depths,
      'hamiltonian.mean': record.mean,
      'hamiltonian.size': record.size,
      'hamiltonian.deviation': record.deviation,
      'stationary.residual': record.residual,
      'coercive.curvature': record.curvature,
      'coercive.regularisation': record.regularisation,
      'controls.steepness': record.steepness,
    },
    measured: relative,
    expected,
    interval: null,
    verdict,
    summary: `The Hamiltonian's standard deviation over depth is ${relative.toPrecision(2)} of the size of its terms${
      verdict === 'outside'
        ? `; it has to be constant only at an optimum of a coercive problem, which this is not: ${unmet.join('; ')}`
        : ''
    }.`,
    figures: [
      profileFigure({
        id: 'A.hamiltonian',
        title: 'The Hamiltonian over depth',
        caption:
          'E⟨p, f⟩ + g(θ) at every layer of the trained model. It is constant along a strong extremal; how far it is from constant tells how far training is from one.',
        records: [record],
      }),
    ],
  };
}

interface JudgedSolutions {
  readonly answer: OrderAnswer;
  readonly depths: readonly number[];
  readonly deviations: readonly (readonly number[])[];
  readonly steepness: readonly (readonly number[])[];
  readonly growth: number;
}

function judgeSolutions(solutions: Solutions): JudgedSolutions {
  const depths = solutions[0].map((record) => record.layers);
  const deviations = rowsOf(solutions, (record) => record.deviation);
  const steepness = rowsOf(solutions, (record) => record.steepness);
  const growth = growthOf(depths, steepness);
  const assumptions = [
    ...solutionAssumptions(solutions.flat()),
    {
      name: 'controls Lipschitz in depth: difference quotients do not grow with L (log–log slope)',
      holds: growth <= largestGrowth,
      value: growth,
    },
  ];
  const answer = judgeOrder({ x: depths, y: deviations, order: -1, assumptions });
  return { answer, depths, deviations, steepness, growth };
}

function solutionAssumptions(records: readonly HamiltonianRecord[]): Assumption[] {
  const residual = Math.max(...records.map((record) => record.residual));
  const share = Math.min(...records.map((record) => record.curvature / record.regularisation));
  const curvature = Math.min(...records.map((record) => record.curvature));
  const smoothness = Math.min(...records.map((record) => record.smoothness));
  return [
    {
      name: `stationary: |E[D_θfᵀp] + ∇g| at most ${stationary} at every layer`,
      holds: residual <= stationary,
      value: residual,
    },
    smoothness > 0
      ? { name: 'coercive: H strictly convex in θ̇ (μ > 0)', holds: true, value: smoothness }
      : {
          name: `coercive: smallest eigenvalue of ∇²_θ E[H] at least ${convexShare} λ at every layer`,
          holds: share >= convexShare,
          value: curvature,
        },
  ];
}

function growthOf(depths: readonly number[], steepness: readonly (readonly number[])[]): number {
  // Controls that do not depend on the depth have no difference quotients to fit.
  if (steepness.flat().every((x) => x === 0)) return 0;
  return steepness.flat().every((x) => x > 0 && Number.isFinite(x))
    ? fitOrder({ x: depths, y: steepness }).slope
    : Infinity;
}

function rowsOf(solutions: Solutions, read: (record: HamiltonianRecord) => number): number[][] {
  return solutions.map((records) => records.map(read));
}

function smoothEvidence(smooth: Solutions, judged: JudgedSolutions): Record<string, Evidence> {
  const { answer, depths, deviations, growth } = judged;
  const [first] = smooth[0];
  return {
    'smooth.regularisation': first.regularisation,
    'smooth.smoothness': first.smoothness,
    'smooth.depths': depths,
    'smooth.deviations': rowsOrRow(deviations),
    'smooth.slope': answer.measured,
    'smooth.interval': answer.interval ?? [],
    'smooth.growth': growth,
  };
}

function smoothSummary(judged: JudgedSolutions | undefined): string {
  if (judged === undefined) return '';
  return ` With an H¹ penalty the deviation of E⟨p, f⟩ + g − (μ/2)|θ̇|² falls like L^${judged.answer.measured.toFixed(3)}.`;
}

function weakEvidence(weak: readonly HamiltonianRecord[]): Record<string, Evidence> {
  if (weak.length === 0) return {};
  return {
    'weak.regularisation': weak[0].regularisation,
    'weak.depths': weak.map((record) => record.layers),
    'weak.deviations': weak.map((record) => record.deviation),
    'weak.deviations.relative': weak.map((record) => record.deviation / Math.abs(record.mean)),
    'weak.residuals': weak.map((record) => record.residual),
    'weak.steepness': weak.map((record) => record.steepness),
    'weak.curvatures': weak.map((record) => record.curvature),
  };
}

function weakSummary(weak: readonly HamiltonianRecord[]): string {
  const last = weak.at(-1);
  if (last === undefined) return '';
  const relative = last.deviation / Math.abs(last.mean);
  return ` With λ = ${last.regularisation} and a random start, ${last.layers} layers leave ${percent(relative)}: outside the assumptions.`;
}

function summaryOf(
  verdict: Finding['verdict'],
  slope: number,
  deviations: readonly (readonly number[])[],
): string {
  const last = deviations.map((row) => row[row.length - 1]);
  const largest = Math.max(...last).toExponential(1);
  return verdict === 'outside'
    ? `The Hamiltonian's deviation over layers goes like L^${slope.toFixed(2)} (${largest} at the last depth), but the controls are not a stationary point of a coercive problem.`
    : `The Hamiltonian's deviation over layers falls like L^${slope.toFixed(3)}, to ${largest} at the last depth.`;
}

function percent(x: number): string {
  return `${(100 * x).toPrecision(2)} %`;
}

function profileFigure(options: {
  readonly id: string;
  readonly title: string;
  readonly caption: string;
  readonly records: readonly HamiltonianRecord[];
}): Figure {
  const { id, title, caption, records } = options;
  const marks = records.map(
    ({ layers, depths, values }): Mark => ({
      kind: 'line',
      series: `L = ${layers}`,
      x: depths,
      y: values,
    }),
  );
  return { id, title, caption, x: { label: 'depth t' }, y: { label: 'Hamiltonian H' }, marks };
}
