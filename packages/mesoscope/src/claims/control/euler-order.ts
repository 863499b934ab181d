import { heun, rk4 } from '../../flow/scheme.ts';
import { bound, type Check } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { deterministicOrder } from '../order.ts';
import { notTrivial } from '../verdict.ts';
import { type DepthFlows, depthFlows, flowOf } from './depth-flows.ts';
import { type EulerErrors, measureEulerErrors } from './euler-errors.ts';

/** What errors at the same depths say about the order. */
export function eulerOrderConclusion(
  depths: readonly number[],
  measured: readonly EulerErrors[],
): Conclusion {
  const accuracy = Math.max(...measured.map((one) => one.referenceError));
  const errors = measured.map(({ euler }) => euler);
  const bounds = measured.map((one) => one.bounds);
  const order = deterministicOrder({
    name: 'order of sup_k |h_k − h(t_k)| in L',
    failsIf: 'the distance to the flow falls more slowly than 1/L, or not to 0',
    ...{ scales: depths, rows: errors, accuracy, order: -1, side: 'at least as fast' },
  });
  const grönwall = bound({
    name: "distance to the flow over Grönwall's bound",
    failsIf: 'a distance exceeds the bound with constants measured along its own path',
    pairs: errors.flatMap((row, s) => row.map((value, i) => ({ value, bound: bounds[s][i] }))),
    rounding: accuracy,
  });
  const higher = [
    { scheme: heun, series: 'Heun', rows: measured.map((one) => one.heun) },
    { scheme: rk4, series: 'Runge–Kutta 4', rows: measured.map((one) => one.rk4) },
  ];
  const still = measured.every(({ constants }) => constants.speed === 0);
  return {
    hypotheses: [
      {
        name: 'the flow exists up to T',
        holds: Number.isFinite(accuracy),
        value: Number.isFinite(accuracy) ? 'integrated to T' : 'diverged',
      },
    ],
    resolution: [notTrivial(still ? 'the layer does not move any token' : undefined)],
    checks: [
      order,
      grönwall,
      ...higher.map(
        ({ scheme, series, rows }): Check =>
          deterministicOrder({
            name: `order of the scheme ${series}`,
            failsIf: 'a stage, a weight or a node of the scheme is wrong',
            ...{ scales: depths, rows, accuracy, order: -scheme.order, side: 'at least as fast' },
          }),
      ),
    ],
    evidence: {
      depths,
      errors,
      'bound.gronwall': bounds,
      'bound.lipschitzInState': measured.map((one) => one.constants.lipschitzInState),
      'bound.lipschitzInDepth': measured.map((one) => one.constants.lipschitzInDepth),
      'bound.speed': measured.map((one) => one.constants.speed),
      'reference.error': accuracy,
      'heun.errors': higher[0].rows,
      'rk4.errors': higher[1].rows,
    },
    summary: `The largest distance to the flow falls like L^${order.measured.toFixed(3)}; it reaches ${grönwall.measured.toPrecision(2)} of Grönwall's bound with constants measured along the paths.`,
    figures: [
      convergenceFigure({
        id: 'A.euler-order',
        title: 'Finite depth against the flow',
        caption:
          'Largest distance between the hidden states of L layers and the continuous-depth flow, over all layers and sequences. Band: range over experiments. Expected: order 1 for the residual recursion (Euler), 2 and 4 for the schemes of Heun and Runge–Kutta.',
        ...{ scale: 'layers L', quantity: 'sup_k |h_k − h(t_k)|' },
        curves: [
          { series: 'Euler (residual network)', scales: depths, rows: errors, slope: -1 },
          { series: "Euler's bound (Grönwall)", scales: depths, rows: bounds, bound: true },
          ...higher.map(({ scheme, series, rows }) => ({
            ...{ series, scales: depths, rows, slope: -scheme.order },
          })),
        ],
      }),
    ],
  };
}

/** Finite depth stays within O(1/L) of the flow, pathwise (arXiv 2606.23235). */
export const eulerOrder = claim<DepthFlows, EulerErrors>({
  id: 'A.euler-order',
  title: 'Layers are Euler steps of a flow',
  statement:
    'For fixed controls, $\\sup_k |h_k - h(t_k)| = O(\\varepsilon)$ pathwise, with $\\varepsilon = T/L$, and $\\sup_k |h_k - h(t_k)| \\le \\tfrac{\\varepsilon}{2}\\,(L_\\theta L_t + L_h F)\\,\\frac{e^{L_h T} - 1}{L_h}$.',
  trust: { statement: 'P' },
  given: depthFlows,
  measure: ({ backend, given, seed, index }) =>
    measureEulerErrors(backend, flowOf(backend, given, seed, index), given.depths),
  conclude: (measured, { given }) => eulerOrderConclusion(given.depths, measured),
});
