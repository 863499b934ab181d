import * as z from 'zod';
import type { ControlModel } from '../../control/control-model.ts';
import { type ControlRange, measureControlRange } from '../../control/optimum/control-range.ts';
import { type SolvedProblem, summariseSolutions } from '../../control/optimum/optimum.ts';
import { bound } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { controlProblems, problemModel } from './control-problems.ts';
import { exclusiveOrModel, surelyWrongModel } from './extremal-problems.ts';
import { optimumFound, solutionActs, solutionEvidence } from './solution-conditions.ts';

/** The range of one problem's optimum, and of which kind the problem is. */
export interface RangeRecord extends Omit<ControlRange, 'optimum'> {
  readonly kind: 'problem' | 'surely wrong' | 'exclusive or';
  readonly solved: SolvedProblem;
  readonly objective: number;
}

/** Solves a problem and measures its range. */
export function rangeRecord(kind: RangeRecord['kind'], model: ControlModel): RangeRecord {
  const { optimum, ...range } = measureControlRange(model);
  const solved = summariseSolutions(() => model, [optimum]);
  return { ...range, kind, solved, objective: optimum.objective };
}

/** What the ranges of several problems say; attention and activation are asked of those that are not extremal. */
export function rangeConclusion(records: readonly RangeRecord[]): Conclusion {
  const problems = records.filter(({ kind }) => kind === 'problem').map(({ solved }) => solved);
  const excess = Math.max(...records.map((record) => record.objective - record.atReference));
  const rounding = 1e-12;
  const integral = bound({
    name: '∫|θ* − θ_ref|² over (2/λ) J(θ_ref)',
    failsIf: 'optimal controls lie further from θ_ref than J(θ_ref) allows',
    pairs: records.map(({ size, sizeBound }) => ({ value: size, bound: sizeBound })),
    rounding,
  });
  const sharp = bound({
    name: '∫|θ* − θ_ref|² over (2/λ)(J(θ_ref) − R(θ*))',
    failsIf: 'optimal controls lie further from θ_ref than what they gain allows',
    pairs: records.map(({ size, sharpBound }) => ({ value: size, bound: sharpBound })),
    rounding,
  });
  const pathwise = bound({
    name: 'λ|θ*_t − θ_ref| over √2 ‖U pool‖ M_θ e^{L_h(T−t)}',
    failsIf: 'a layer lies further from θ_ref than its costate and its Jacobian allow',
    pairs: records.flatMap(({ pointwise, pointwiseBounds }) =>
      pointwise.map((value, k) => ({ value, bound: pointwiseBounds[k] })),
    ),
    rounding: 1e-7,
  });
  const [first] = records;
  return {
    hypotheses: [],
    resolution: [
      ...solutionActs(problems),
      optimumFound(records.map(({ solved }) => solved)),
      {
        name: 'every optimum found is at least as good as θ_ref',
        holds: excess <= 0,
        value: excess,
      },
    ],
    checks: [pathwise, integral, sharp],
    evidence: {
      problems: records.map(({ kind }) => kind).join(', '),
      'integral.sizes': records.map((record) => record.size),
      'integral.bounds': records.map((record) => record.sizeBound),
      'integral.sharpBounds': records.map((record) => record.sharpBound),
      'pointwise.values': records.map((record) => record.pointwise),
      'pointwise.bounds': records.map((record) => record.pointwiseBounds),
      'constants.parameterLipschitz': records.map((record) => record.parameterLipschitz),
      'constants.stateLipschitz': records.map((record) => record.stateLipschitz),
      'constants.readoutNorm': records.map((record) => record.readoutNorm),
      'constants.source':
        'Lipschitz constants measured along the optimal paths; ‖U pool‖ exact; inf R ≥ 0 a priori',
      ...solutionEvidence(records.map(({ solved }) => solved)),
    },
    summary: `∫|θ* − θ_ref|² reaches ${integral.measured.toPrecision(2)} of (2/λ)J(θ_ref) and ${sharp.measured.toPrecision(2)} of (2/λ)(J(θ_ref) − R(θ*)); λ|θ_t − θ_ref| reaches ${pathwise.measured.toPrecision(2)} of its pathwise bound.`,
    figures: [
      {
        id: 'A.range',
        title: 'Optimal controls and their a priori bound',
        caption:
          'λ|θ_t − θ_ref| along the depth of one problem’s optimum, and the bound √2‖U pool‖M_θ e^{L_h(T−t)} with Lipschitz constants measured along it.',
        x: { label: 'depth t' },
        y: { label: 'λ|θ_t − θ_ref|', scale: 'log' },
        marks: [
          { kind: 'reference', label: 'bound', x: first.depths, y: first.pointwiseBounds },
          { kind: 'line', series: 'optimum', x: first.depths, y: first.pointwise },
        ],
      },
    ],
  };
}

const given = controlProblems({
  shared: {
    layers: z.int().min(1).max(256).default(16).describe('L'),
  },
  full: { problems: 16, layers: 64 },
  pieces: (given) => (given.explicit ? 1 : given.problems + 2),
});

/** Optimal controls lie in a range known beforehand (arXiv 2606.23235). */
export const range = claim<ReturnType<typeof given.parse>, RangeRecord>({
  id: 'A.range',
  title: 'The range of optimal controls',
  statement:
    '$\\int|\\theta^* - \\theta_{\\mathrm{ref}}|^2 \\le \\tfrac2\\lambda (J(\\theta_{\\mathrm{ref}}) - \\inf R)$, and $\\lambda|\\theta^*_t - \\theta_{\\mathrm{ref}}| \\le \\sqrt2\\,\\|U\\|\\,M_\\theta\\,e^{L_h(T-t)}$, where $g = \\tfrac\\lambda2|\\theta - \\theta_{\\mathrm{ref}}|^2$.',
  trust: { statement: 'P', form: 'S' },
  given,
  measure({ backend, given, seed, index }) {
    const { layers } = given;
    const beyond = given.explicit ? -1 : index - given.problems;
    if (beyond === 0)
      return rangeRecord('surely wrong', surelyWrongModel(backend, given, { seed, layers }));
    if (beyond === 1) return rangeRecord('exclusive or', exclusiveOrModel(backend, given, layers));
    return rangeRecord('problem', problemModel(backend, given, { seed, index, layers }));
  },
  conclude: (records) => rangeConclusion(records),
});
