import { z } from 'zod';
import { rowsOrRow } from '../judge-order.ts';
import { type Assumption, type ClaimContext, type Finding, judge, legacy } from '../legacy.ts';
import {
  growthOf,
  largestGrowth,
  type Optimum,
  rowsOf,
  stationaryAssumption,
  stationaryTolerance,
} from './optima.ts';
import {
  coerciveRegularisation,
  dataComplete,
  doublingDepths,
  optimumShape,
  ownInstance,
  weakRegularisation,
} from './optimum-instance.ts';
import { orderFigure } from './order-figure.ts';
import { solveProblems } from './solve-problems.ts';

const quickDepths = [4, 8, 16, 32];
const fullDepths = [4, 8, 16, 32, 64, 128];
const quickContrastDepths = [2, 4, 8, 16];

/** μ of the H¹ penalty that restores smoothness where λ alone is weak. */
const restoringSmoothness = 0.01;

type Rows = readonly (readonly Optimum[])[];

const unknownGrowth = { slope: Number.NaN, interval: [Number.NaN, Number.NaN] as const };

/** Rows that are stationary at every depth: what became of the others says nothing about optimal controls. */
function solved(rows: Rows): Rows {
  return rows.filter((row) => row.every(({ residual }) => residual <= stationaryTolerance));
}

/** The finding from coercive solutions and, where they were computed, weakly regularised ones without and with an H¹ penalty. */
export function regularityFinding(
  coercive: { readonly solutions: Rows; readonly regularisation: number },
  contrast?: {
    readonly weak: Rows;
    readonly smooth: Rows;
    readonly regularisation: number;
    readonly smoothness: number;
  },
): Finding {
  const depths = coercive.solutions[0].map((optimum) => optimum.layers);
  const contrastDepths = contrast?.weak[0].map((optimum) => optimum.layers) ?? [];
  const growth = growthOf(coercive.solutions);
  const families = contrast === undefined ? [] : [solved(contrast.weak), solved(contrast.smooth)];
  const assumptions: Assumption[] = [
    stationaryAssumption(coercive.solutions),
    ...families.map((rows, i) => ({
      name: `a problem ${i === 0 ? 'with weak regularisation' : 'with an H¹ penalty'} solved at every depth, to compare with`,
      holds: rows.length > 0,
      value: `${rows.length} of ${contrast?.weak.length}`,
    })),
  ];
  const quotients = (rows: Rows) => rowsOf(rows, (optimum) => optimum.layers * optimum.jump);
  const expected = { kind: 'at-most', value: largestGrowth } as const;
  const verdict = judge(assumptions, growth.slope, growth.interval, expected);
  const [weakRows = [], smoothRows = []] = families;
  const [weak, smooth] = families.map((rows) => (rows.length > 0 ? growthOf(rows) : unknownGrowth));
  const contrasts =
    contrast === undefined || (weak.slope > largestGrowth && smooth.slope <= largestGrowth);
  return {
    assumptions,
    evidence: {
      depths,
      'coercive.regularisation': coercive.regularisation,
      'coercive.quotients': rowsOrRow(quotients(coercive.solutions)),
      'coercive.jumps': rowsOrRow(rowsOf(coercive.solutions, (optimum) => optimum.jump)),
      ...(contrast === undefined
        ? {}
        : {
            'weak.depths': contrastDepths,
            'weak.regularisation': contrast.regularisation,
            'weak.quotients': rowsOrRow(quotients(weakRows)),
            'weak.jumps': rowsOrRow(rowsOf(weakRows, (optimum) => optimum.jump)),
            'weak.problems': contrast.weak.length,
            'weak.solved': weakRows.length,
            'smooth.solved': smoothRows.length,
            'weak.growth': weak.slope,
            'weak.interval': weak.interval,
            'smooth.smoothness': contrast.smoothness,
            'smooth.quotients': rowsOrRow(quotients(smoothRows)),
            'smooth.growth': smooth.slope,
            'smooth.interval': smooth.interval,
          }),
    },
    measured: growth.slope,
    expected,
    interval: growth.interval,
    verdict: verdict === 'holds' && !contrasts ? 'fails' : verdict,
    summary:
      `L max_k |θ_{k+1} − θ_k| goes like L^${growth.slope.toFixed(2)} at λ = ${coercive.regularisation}` +
      (contrast === undefined
        ? '.'
        : `, like L^${weak.slope.toFixed(2)} at λ = ${contrast.regularisation}, and like L^${smooth.slope.toFixed(2)} there with an H¹ penalty μ = ${contrast.smoothness}.`),
    figures: [
      orderFigure({
        id: 'A.regularity',
        title: 'Jumps of optimal controls between layers',
        caption:
          'Largest difference quotient of the optimal controls in depth. Bounded: Lipschitz controls; growing like L: controls that jump between layers. Band: range over problems.',
        quantity: 'L max_k |θ_{k+1} − θ_k|',
        curves: [
          { series: 'coercive', layers: depths, errors: quotients(coercive.solutions) },
          ...[
            { series: 'weak', layers: contrastDepths, errors: quotients(weakRows) },
            {
              series: 'weak with H¹ penalty',
              layers: contrastDepths,
              errors: quotients(smoothRows),
            },
          ].filter(({ errors }) => errors.length > 0),
        ],
        expected: weakRows.length > 0 ? [{ slope: 1, curve: 1 }] : [],
      }),
    ],
  };
}

const instanceSchema = z
  .strictObject({ ...optimumShape, depths: doublingDepths(quickDepths, 4, 2) })
  .refine(...dataComplete);

export type RegularityInstance = z.infer<typeof instanceSchema>;

async function run(context: ClaimContext<RegularityInstance>): Promise<Finding> {
  const { setting, instance } = context;
  if (instance !== undefined) {
    const solutions = await solveProblems(context, instance, instance.depths);
    return regularityFinding({ solutions, regularisation: instance.regularisation });
  }
  const depths = setting === 'full' ? fullDepths : quickDepths;
  const own = ownInstance(context);
  const solutions = await solveProblems(context, own, depths, { label: 'coercive problems' });
  const problems = setting === 'full' ? 8 : 2;
  const regularisation = weakRegularisation;
  const smoothness = restoringSmoothness;
  const contrastDepths = setting === 'full' ? fullDepths : quickContrastDepths;
  const weak = await solveProblems(context, own, contrastDepths, {
    label: 'weak regularisation',
    overrides: { regularisation },
    problems,
  });
  const smooth = await solveProblems(context, own, contrastDepths, {
    label: 'weak regularisation with H¹ penalty',
    overrides: { regularisation, smoothness },
    problems,
  });
  const contrast = { weak, smooth, regularisation, smoothness };
  return regularityFinding({ solutions, regularisation: coerciveRegularisation }, contrast);
}

/** Coercive problems have Lipschitz controls; weak ones jump; an H¹ penalty restores smoothness (arXiv 2606.23235). */
export const regularity = legacy<RegularityInstance>({
  id: 'A.regularity',
  paper: 'A',
  title: 'When optimal layers vary smoothly with depth',
  statement:
    'If the objective is coercive, optimal controls are Lipschitz in depth: $L\\max_k|\\theta_{k+1}-\\theta_k|$ is bounded. Under weak regularisation they jump and it grows like $L$; a penalty $\\tfrac\\mu2\\int|\\dot\\theta|^2$ restores smoothness.',
  trust: 'P: coercivity; D',
  quantity: 'log–log slope of L max |θ_{k+1} − θ_k| in L',
  instance: instanceSchema,
  run,
});
