import { createFlow } from '../../flow/flow.ts';
import type { Flow } from '../../flow/flow-contract.ts';
import { uniformGrid } from '../../flow/grid.ts';
import { euler, heun, rk4 } from '../../flow/scheme.ts';
import type { Trajectory } from '../../flow/trajectory.ts';
import type { Scheme } from '../../flow/types.ts';
import type { Backend } from '../../kernels/backend.ts';
import { type Claim, type ClaimContext, type Expected, type Finding, judge } from '../claim.ts';
import { fitOrder } from '../convergence-order.ts';
import {
  type DepthExperiment,
  explicitExperiment,
  largestDistance,
  randomExperiment,
} from './depth-experiment.ts';
import { type DepthInstance, depthInstance } from './depth-instance.ts';
import { type EulerBound, eulerBound } from './euler-bound.ts';
import { orderFigure } from './order-figure.ts';

/** Steps of the reference solution at the least, taken by the classical Runge–Kutta scheme of order 4. */
const referenceSteps = 1024;

const defaultDepths = [8, 16, 32, 64, 128, 256, 512];

/** What is measured on one experiment. */
export interface EulerErrors {
  /** `sup_k |h_k − h(t_k)|` for each depth, Euler's scheme. */
  readonly euler: readonly number[];
  /** The same for the schemes of higher order, at the depths where they are above the reference's own error. */
  readonly heun: readonly number[];
  readonly rk4: readonly number[];
  /** Distance between the reference and one with twice the steps, at T. */
  readonly referenceError: number;
  readonly bound: EulerBound;
}

/** Errors of the residual recursions on L layers against the flow, for each L of `depths`. */
export function measureEulerErrors(
  backend: Backend,
  experiment: DepthExperiment,
  depths: readonly number[],
): EulerErrors {
  const { field, tokens, samples } = experiment;
  const flowOf = (scheme: Scheme) => createFlow(backend, { field, tokens, samples, scheme });
  const exact = flowOf(rk4);
  const schemes = [flowOf(euler), flowOf(heun), exact];
  const references = new Map<number, Trajectory>();
  /** The reference on a grid that contains that of L layers. */
  const referenceFor = (L: number): { factor: number; trajectory: Trajectory } => {
    const factor = Math.max(2, Math.ceil(referenceSteps / L));
    let trajectory = references.get(L * factor);
    if (trajectory === undefined) {
      trajectory = run(exact, experiment, L * factor);
      references.set(L * factor, trajectory);
    }
    return { factor, trajectory };
  };
  const errors = depths.map((L) => {
    const { factor, trajectory } = referenceFor(L);
    return schemes.map((flow) =>
      backend.scoped(() => largestError(run(flow, experiment, L), trajectory, factor, experiment)),
    );
  });
  const [[steps, reference]] = references;
  return {
    euler: errors.map(([error]) => error),
    heun: errors.map(([, error]) => error),
    rk4: errors.map(([, , error]) => error),
    referenceError: backend.scoped(() =>
      largestDistance(reference.last, run(exact, experiment, 2 * steps).last, experiment),
    ),
    bound: eulerBound(backend, experiment),
  };
}

/** `sup_k |h_k − h(t_k)|`, where the reference takes `factor` steps for each layer. */
function largestError(
  layers: Trajectory,
  reference: Trajectory,
  factor: number,
  experiment: DepthExperiment,
): number {
  let largest = 0;
  for (let k = 1; k <= layers.steps; k++) {
    largest = Math.max(
      largest,
      largestDistance(layers.state(k), reference.state(k * factor), experiment),
    );
  }
  return layers.status.kind === 'completed' ? largest : Number.POSITIVE_INFINITY;
}

function run(flow: Flow, experiment: DepthExperiment, steps: number): Trajectory {
  const { controls, initial, horizon } = experiment;
  return flow.forward({ grid: uniformGrid(horizon, steps), controls, initial });
}

/** The finding from the errors of one or more experiments. */
export function eulerOrderFinding(
  depths: readonly number[],
  measured: readonly EulerErrors[],
): Finding {
  const errors = measured.map((m) => m.euler);
  const fit = fitOrder({ x: depths, y: errors });
  const expected: Expected = { kind: 'value', value: -1 };
  const bounds = measured.map((m) => depths.map((L) => m.bound.perStep / L));
  const largestRatio = Math.max(
    ...errors.flatMap((row, seed) => row.map((error, i) => error / bounds[seed][i])),
  );
  const referenceError = Math.max(...measured.map((m) => m.referenceError));
  const smallest = Math.min(...errors.flat());
  const assumptions = [
    {
      name: 'the flow exists up to T',
      holds: Number.isFinite(referenceError) && errors.flat().every(Number.isFinite),
      value: referenceError,
    },
    {
      name: 'reference solution at least 1000 times closer than the smallest error',
      holds: referenceError <= 1e-3 * smallest,
      value: referenceError / smallest,
    },
  ];
  const orderVerdict = judge(assumptions, fit.slope, fit.interval, expected);
  const bounded = largestRatio <= 1;
  const higher = higherOrders(depths, measured, referenceError);
  return {
    assumptions,
    evidence: {
      depths,
      errors: errors.length === 1 ? errors[0] : errors,
      'bound.gronwall': bounds.length === 1 ? bounds[0] : bounds,
      'bound.largestRatio': largestRatio,
      'bound.lipschitzInState': measured.map((m) => m.bound.lipschitzInState),
      'bound.lipschitzInDepth': measured.map((m) => m.bound.lipschitzInDepth),
      'bound.speed': measured.map((m) => m.bound.speed),
      'slope.preasymptotic': fit.preasymptotic,
      'slope.statistical': fit.statistical,
      'slope.allDepths': fit.slopeOfAll,
      'reference.error': referenceError,
      ...higher.evidence,
    },
    measured: fit.slope,
    expected,
    interval: fit.interval,
    verdict: orderVerdict === 'holds' && !bounded ? 'fails' : orderVerdict,
    summary: bounded
      ? `The largest distance to the flow falls like L^${fit.slope.toFixed(3)}, at most ${largestRatio.toPrecision(2)} of Grönwall's bound with constants measured along the paths.`
      : `The distance to the flow exceeds Grönwall's bound with measured constants, ${largestRatio.toPrecision(3)} times.`,
    figures: [
      orderFigure({
        id: 'A.euler-order',
        title: 'Finite depth against the flow',
        caption:
          'Largest distance between the hidden states of L layers and the continuous-depth flow, over all layers and sequences. Band: range over experiments. Expected: order 1 for the residual recursion (Euler), 2 and 4 for the schemes of Heun and Runge–Kutta.',
        quantity: 'sup_k |h_k − h(t_k)|',
        curves: [
          { series: 'Euler (residual network)', layers: depths, errors },
          { series: "Euler's bound (Grönwall)", layers: depths, errors: bounds },
          ...higher.curves,
        ],
        expected: [
          { slope: -1, curve: 0 },
          ...higher.curves.map((curve, i) => ({ slope: curve.slope, curve: 2 + i })),
        ],
      }),
    ],
  };
}

/** Orders of the higher schemes, over the depths where their errors stand clear of the reference's. */
function higherOrders(
  depths: readonly number[],
  measured: readonly EulerErrors[],
  referenceError: number,
) {
  const evidence: Record<string, number | readonly number[]> = {};
  const curves: { series: string; slope: number; layers: number[]; errors: number[][] }[] = [];
  const schemes = [
    { scheme: heun, title: 'Heun', errors: measured.map((m) => m.heun) },
    { scheme: rk4, title: 'Runge–Kutta 4', errors: measured.map((m) => m.rk4) },
  ];
  for (const { scheme, title, errors } of schemes) {
    const clear = depths.findIndex((_, i) =>
      errors.some((row) => !(row[i] > 100 * referenceError)),
    );
    const layers = depths.slice(0, clear < 0 ? depths.length : clear);
    if (layers.length < 4) continue;
    const rows = errors.map((row) => row.slice(0, layers.length));
    const fit = fitOrder({ x: layers, y: rows });
    evidence[`slope.${scheme.name}`] = fit.slope;
    evidence[`slope.${scheme.name}.interval`] = fit.interval;
    curves.push({ series: title, slope: -scheme.order, layers: [...layers], errors: rows });
  }
  return { evidence, curves };
}

async function runExperiment(context: ClaimContext<DepthInstance>): Promise<Finding> {
  const { backend, seed, setting, instance, progress } = context;
  if (instance !== undefined) {
    const errors = measureEulerErrors(
      backend,
      explicitExperiment(backend, instance),
      instance.depths,
    );
    return eulerOrderFinding(instance.depths, [errors]);
  }
  const count = setting === 'full' ? 24 : 6;
  const measured: EulerErrors[] = [];
  for (let index = 0; index < count; index++) {
    context.signal?.throwIfAborted();
    progress(index, count, 'random flows');
    measured.push(
      backend.scoped(() =>
        measureEulerErrors(backend, randomExperiment(backend, seed, index), defaultDepths),
      ),
    );
    await new Promise((resume) => setTimeout(resume, 0));
  }
  return eulerOrderFinding(defaultDepths, measured);
}

/** Finite depth stays within O(1/L) of the flow, pathwise (arXiv 2606.23235). */
export const eulerOrder: Claim<DepthInstance> = {
  id: 'A.euler-order',
  paper: 'A',
  title: 'Layers are Euler steps of a flow',
  statement:
    'For fixed controls, $\\sup_k |h_k - h(t_k)| = O(\\varepsilon)$ pathwise, with $\\varepsilon = T/L$, and $\\sup_k |h_k - h(t_k)| \\le \\tfrac{\\varepsilon}{2}\\,(L_\\theta L_t + L_h F)\\,\\frac{e^{L_h T} - 1}{L_h}$.',
  trust: 'P',
  quantity: 'log–log slope of the error in L',
  instance: depthInstance,
  run: runExperiment,
};
