import { z } from 'zod';
import type { ControlModel } from '../../control/control-model.ts';
import { createFieldEvaluation } from '../../control/field-evaluation.ts';
import { partOf } from '../../control/parameters.ts';
import { horizonOf } from '../../flow/grid.ts';
import { createFieldProbe } from '../../flow/lipschitz.ts';
import { columnStride } from '../../kernels/instruction.ts';
import { spectralNorm } from '../../numeric/decompositions.ts';
import { rowsOrRow } from '../judge-order.ts';
import { type ClaimContext, type Finding, judge, legacy } from '../legacy.ts';
import { type Optimum, solveModel, stationaryAssumption } from './optima.ts';
import {
  dataComplete,
  type OptimumInstance,
  optimumModel,
  optimumShape,
  ownInstance,
} from './optimum-instance.ts';
import { overExperiments } from './over-experiments.ts';

/** A priori bounds on the optimal controls of one problem beside what they are. */
export interface RangeRecord {
  readonly regularisation: number;
  readonly optimum: Optimum;
  /** J(0). */
  readonly atZero: number;
  /** `∫|θ*|²`, and `(2/λ)(J(0) − inf R)` with inf R ≥ 0. */
  readonly size: number;
  readonly sizeBound: number;
  /** The sharper `(2/λ)(J(0) − R(θ*))`, which the comparison with θ = 0 gives directly. */
  readonly sharpBound: number;
  /** Per layer: t_{k+1}, `λ|θ_k|` and `√2 ‖U‖ M_θ e^{L_h(T − t_{k+1})}`. */
  readonly depths: readonly number[];
  readonly pointwise: readonly number[];
  readonly pointwiseBounds: readonly number[];
  /** Measured along the optimum: `M_θ = sup ‖D_θf‖`, `L_h = sup ‖D_hf‖`, `‖U‖`. */
  readonly parameterLipschitz: number;
  readonly stateLipschitz: number;
  readonly readoutNorm: number;
}

/** Solves one problem and measures both bounds with constants along its solution. */
export function measureRange(model: ControlModel): RangeRecord {
  const { problem, parameters, batch } = model;
  const { backend, layout, grid, field, tokens, penalty } = problem;
  const lambda = penalty.regularisation;
  return backend.scoped(() => {
    const zero = backend.allocate(layout.length);
    partOf(layout, zero, 'readout').set(partOf(layout, parameters, 'readout'));
    const atZero = problem.evaluate(zero, batch).objective;
    const optimum = solveModel(model);
    const trace = problem.trace(parameters, batch);
    const nodes = partOf(layout, parameters, 'controls');
    const P = layout.parametersPerLayer;
    const probe = createFieldProbe(backend, { field, tokens, samples: batch.samples });
    const { stateLipschitz } = probe.along(trace.states, { tolerance: 1e-4 });
    const M = parameterLipschitz(model, trace.states.state);
    const U = partOf(layout, parameters, 'readout');
    const readout = { rows: problem.classes, columns: field.dimension, data: Float64Array.from(U) };
    const readoutNorm = spectralNorm(readout);
    const depths = Array.from(grid.times.slice(1));
    const T = horizonOf(grid);
    return {
      regularisation: lambda,
      optimum,
      atZero,
      size: optimum.size,
      sizeBound: (2 / lambda) * atZero,
      sharpBound: (2 / lambda) * (atZero - optimum.loss),
      depths,
      pointwise: depths.map((_, k) => {
        let square = 0;
        for (let i = k * P; i < (k + 1) * P; i++) square += nodes[i] ** 2;
        return lambda * Math.sqrt(square);
      }),
      pointwiseBounds: depths.map(
        (t) => Math.SQRT2 * readoutNorm * M * Math.exp(stateLipschitz * (T - t)),
      ),
      parameterLipschitz: M,
      stateLipschitz,
      readoutNorm,
    };
  });
}

/** `sup_k sup_s ‖D_θf(h_k, θ_k)‖₂` over the layers, from all rows of the Jacobian. */
function parameterLipschitz(
  model: ControlModel,
  stateAt: (k: number) => ArrayLike<number>,
): number {
  const { problem, parameters, batch } = model;
  const { backend, layout, field, tokens, stateLength } = problem;
  const P = layout.parametersPerLayer;
  const nodes = partOf(layout, parameters, 'controls');
  return backend.scoped(() => {
    const evaluation = createFieldEvaluation(problem, 1);
    const [state, costate, ignored] = [0, 1, 2].map(() => backend.allocate(stateLength));
    const gradient = backend.allocate(P);
    const stride = columnStride(tokens);
    let largest = 0;
    for (let k = 0; k < layout.layers; k++) {
      const theta = nodes.subarray(k * P, (k + 1) * P);
      const states = stateAt(k);
      for (let s = 0; s < batch.samples; s++) {
        for (let i = 0; i < stateLength; i++) state[i] = states[s * stateLength + i];
        const rows = {
          rows: field.dimension * tokens,
          columns: P,
          data: new Float64Array(field.dimension * tokens * P),
        };
        for (let i = 0; i < field.dimension; i++) {
          for (let j = 0; j < tokens; j++) {
            costate.fill(0);
            costate[i * stride + j] = 1;
            gradient.fill(0);
            evaluation.pullBack({ state, costate, theta, stateGradient: ignored, gradient });
            rows.data.set(gradient, (i * tokens + j) * P);
          }
        }
        largest = Math.max(largest, spectralNorm(rows));
      }
    }
    return largest;
  });
}

/** The finding from one record for each problem. */
export function rangeFinding(records: readonly RangeRecord[]): Finding {
  const sizeRatios = records.map((record) => record.size / record.sizeBound);
  const sharpRatios = records.map((record) => record.size / record.sharpBound);
  const pointwiseRatios = records.map((record) =>
    Math.max(...record.pointwise.map((x, k) => x / record.pointwiseBounds[k])),
  );
  const measured = Math.max(...sizeRatios, ...sharpRatios, ...pointwiseRatios);
  const expected = { kind: 'at-most', value: 1 } as const;
  const excess = Math.max(...records.map(({ optimum, atZero }) => optimum.objective - atZero));
  const assumptions = [
    stationaryAssumption(records.map((record) => [record.optimum])),
    {
      name: 'the solution found is no worse than θ = 0: J(θ*) − J(0) at most 0 (from which ∫|θ*|² ≤ (2/λ)(J(0) − R(θ*)) follows)',
      holds: excess <= 0,
      value: excess,
    },
  ];
  const [first] = records;
  return {
    assumptions,
    evidence: {
      'integral.sizes': records.map((record) => record.size),
      'integral.bounds': records.map((record) => record.sizeBound),
      'integral.sharpBounds': records.map((record) => record.sharpBound),
      'integral.ratios': sizeRatios,
      'pointwise.ratios': pointwiseRatios,
      'pointwise.values': rowsOrRow(records.map((record) => record.pointwise)),
      'pointwise.bounds': rowsOrRow(records.map((record) => record.pointwiseBounds)),
      'constants.parameterLipschitz': records.map((record) => record.parameterLipschitz),
      'constants.stateLipschitz': records.map((record) => record.stateLipschitz),
      'constants.readoutNorm': records.map((record) => record.readoutNorm),
      'constants.source':
        'Lipschitz constants measured along the optimal paths; ‖U‖ exact; inf R ≥ 0 a priori',
    },
    measured,
    expected,
    interval: null,
    verdict: judge(assumptions, measured, null, expected),
    summary: `∫|θ*|² reaches ${Math.max(...sizeRatios).toPrecision(2)} of (2/λ)J(0) and ${Math.max(...sharpRatios).toPrecision(2)} of (2/λ)(J(0) − R(θ*)); λ|θ_t| reaches ${Math.max(...pointwiseRatios).toPrecision(2)} of its pathwise bound.`,
    figures: [
      {
        id: 'A.range',
        title: 'Optimal controls and their a priori bound',
        caption:
          'λ|θ_t| along the depth of one problem’s optimum, and the bound √2‖U‖M_θ e^{L_h(T−t)} with Lipschitz constants measured along it.',
        x: { label: 'depth t' },
        y: { label: 'λ|θ_t|', scale: 'log' },
        marks: [
          { kind: 'reference', label: 'bound', x: first.depths, y: first.pointwiseBounds },
          { kind: 'line', series: 'optimum', x: first.depths, y: first.pointwise },
        ],
      },
    ],
  };
}

const instanceSchema = z
  .strictObject({
    ...optimumShape,
    layers: z.int().min(1).max(256).default(16).describe('L'),
  })
  .refine(...dataComplete);

export type RangeInstance = z.infer<typeof instanceSchema>;

async function run(context: ClaimContext<RangeInstance>): Promise<Finding> {
  const { backend, seed, setting } = context;
  const given: OptimumInstance & { layers: number } = context.instance ?? {
    ...ownInstance(context),
    layers: setting === 'full' ? 64 : 16,
  };
  const records = await overExperiments(context, given.problems, 'ranges of optima', (index) =>
    measureRange(optimumModel(backend, given, { seed, index, layers: given.layers })),
  );
  return rangeFinding(records);
}

/** Optimal controls lie in a range known beforehand (arXiv 2606.23235). */
export const range = legacy<RangeInstance>({
  id: 'A.range',
  paper: 'A',
  title: 'The range of optimal controls',
  statement:
    '$\\int|\\theta^*|^2 \\le \\tfrac2\\lambda (J(0) - \\inf R)$, and $\\lambda|\\theta^*_t| \\le \\sqrt2\\,\\|U\\|\\,M_\\theta\\,e^{L_h(T-t)}$.',
  trust: 'P, form S',
  quantity: 'largest ratio to a bound',
  instance: instanceSchema,
  run,
});
