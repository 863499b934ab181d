import { heun, rk4 } from '../../flow/scheme.ts';
import type { Claim, ClaimContext, Evidence, Finding } from '../claim.ts';
import { fitOrder } from '../convergence-order.ts';
import { judgeOrder, rowsOrRow } from '../judge-order.ts';
import { explicitExperiment, randomExperiment } from './depth-experiment.ts';
import { type DepthInstance, defaultDepths, depthInstance } from './depth-instance.ts';
import { type EulerErrors, measureEulerErrors } from './euler-errors.ts';
import { orderFigure } from './order-figure.ts';
import { overExperiments } from './over-experiments.ts';

/** The finding from the errors of one or more experiments at the same depths. */
export function eulerOrderFinding(
  depths: readonly number[],
  measured: readonly EulerErrors[],
): Finding {
  const errors = measured.map((m) => m.euler);
  const bounds = measured.map((m) => m.bounds);
  const ratios = errors.flatMap((row, seed) => row.map((error, i) => error / bounds[seed][i]));
  const largestRatio = Math.max(...ratios);
  const referenceError = Math.max(...measured.map((m) => m.referenceError));
  const smallest = Math.min(...errors.flat());
  const answer = judgeOrder({
    x: depths,
    y: errors,
    order: -1,
    assumptions: [
      {
        name: 'the flow exists up to T',
        holds: Number.isFinite(referenceError),
        value: Number.isFinite(referenceError) ? 'integrated to T' : 'diverged',
      },
      {
        name: 'reference solution at least 1000 times closer than the smallest error',
        holds: referenceError <= 1e-3 * smallest,
        value: referenceError / smallest,
      },
    ],
  });
  const bounded = largestRatio <= 1;
  const higher = higherOrders(depths, measured, referenceError);
  return {
    assumptions: answer.assumptions,
    evidence: {
      depths,
      errors: rowsOrRow(errors),
      'bound.gronwall': rowsOrRow(bounds),
      'bound.largestRatio': largestRatio,
      'bound.lipschitzInState': measured.map((m) => m.constants.lipschitzInState),
      'bound.lipschitzInDepth': measured.map((m) => m.constants.lipschitzInDepth),
      'bound.speed': measured.map((m) => m.constants.speed),
      'reference.error': referenceError,
      ...answer.evidence,
      ...higher.evidence,
    },
    measured: answer.measured,
    expected: { kind: 'value', value: -1 },
    interval: answer.interval,
    verdict: answer.verdict === 'holds' && !bounded ? 'fails' : answer.verdict,
    summary: bounded
      ? `The largest distance to the flow falls like L^${answer.measured.toFixed(3)}, at most ${largestRatio.toPrecision(2)} of Grönwall's bound with constants measured along the paths.`
      : `The distance to the flow is ${largestRatio.toPrecision(3)} times Grönwall's bound with measured constants.`,
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
  const evidence: Record<string, Evidence> = {};
  const curves: { series: string; slope: number; layers: number[]; errors: number[][] }[] = [];
  const schemes = [
    { scheme: heun, title: 'Heun', errors: measured.map((m) => m.heun) },
    { scheme: rk4, title: 'Runge–Kutta 4', errors: measured.map((m) => m.rk4) },
  ];
  for (const { scheme, title, errors } of schemes) {
    const unclear = depths.findIndex((_, i) =>
      errors.some((row) => !(row[i] > 100 * referenceError && Number.isFinite(row[i]))),
    );
    const layers = depths.slice(0, unclear < 0 ? depths.length : unclear);
    if (layers.length < 4) continue;
    const rows = errors.map((row) => row.slice(0, layers.length));
    const fit = fitOrder({ x: layers, y: rows });
    evidence[`${scheme.name}.errors`] = rowsOrRow(rows);
    evidence[`${scheme.name}.slope`] = fit.slope;
    evidence[`${scheme.name}.interval`] = fit.interval;
    curves.push({ series: title, slope: -scheme.order, layers: [...layers], errors: rows });
  }
  return { evidence, curves };
}

async function run(context: ClaimContext<DepthInstance>): Promise<Finding> {
  const { backend, seed, setting, instance } = context;
  if (instance !== undefined) {
    const experiment = explicitExperiment(backend, instance);
    const errors = measureEulerErrors(backend, experiment, instance.depths);
    return eulerOrderFinding(instance.depths, [errors]);
  }
  const count = setting === 'full' ? 24 : 6;
  const measured = await overExperiments(context, count, 'random flows', (index) =>
    measureEulerErrors(backend, randomExperiment(backend, seed, index), defaultDepths),
  );
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
  run,
};
