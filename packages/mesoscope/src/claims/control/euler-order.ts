import { linearExperiment } from '../../control/depth/depth-experiment.ts';
import { type EulerErrors, measureEulerErrors } from '../../control/depth/euler-errors.ts';
import { heun, rk4 } from '../../flow/scheme.ts';
import { bound, type Check } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { decayInWords, deterministicOrder, geometricMeans } from '../order.ts';
import { nothing, notTrivial } from '../verdict.ts';
import { type DepthFlows, depthFlows, flowOf } from './depth-flows.ts';
import { defaultDepths } from './depth-instance.ts';

/** Linear flows on which Grönwall's bound is nearly sharp, and on which only its exponential keeps it above the distance. */
const sharpFlows = [
  { growth: 0.2, forced: false },
  { growth: 3, forced: true },
] as const;

/**
 * What errors at the same depths say about the order.
 *
 * @param sharp - errors on flows that are there for the bound alone; default none
 */
export function eulerOrderConclusion(
  depths: readonly number[],
  measured: readonly EulerErrors[],
  sharp: readonly EulerErrors[] = [],
): Conclusion {
  const accuracy = measured.map((one) => one.accuracy);
  const errors = measured.map(({ euler }) => euler);
  const bounds = measured.map((one) => one.bounds);
  const order = deterministicOrder({
    name: 'order of sup_k |h_k − h(t_k)| in L',
    failsIf: 'the distance to the flow falls more slowly than 1/L, or not to 0',
    scales: depths,
    rows: errors,
    accuracy,
    order: -1,
    side: 'at least as fast',
  });
  const grönwall = bound({
    name: "distance to the flow over Grönwall's bound",
    failsIf: 'a distance exceeds the bound with constants measured along its own path',
    pairs: [...measured, ...sharp].flatMap((one) =>
      one.euler.map((value, i) => ({ value, bound: one.bounds[i] })),
    ),
    rounding: 10 * Math.max(...accuracy),
  });
  const higher = [
    { scheme: heun, series: 'Heun, t ≤ T/4', rows: measured.map((one) => one.heun) },
    { scheme: rk4, series: 'Runge–Kutta 4, t ≤ T/4', rows: measured.map((one) => one.rk4) },
  ];
  const exists = accuracy.every(Number.isFinite);
  const trivial = trivialityOf(measured);
  return {
    hypotheses: [
      {
        name: 'the flow exists up to T',
        holds: exists,
        value: exists ? 'integrated to T' : 'diverged',
      },
    ],
    resolution: [notTrivial(trivial)],
    checks: [
      order,
      grönwall,
      ...higher.map(
        ({ scheme, series, rows }): Check =>
          deterministicOrder({
            name: `order of the scheme ${series}`,
            failsIf: 'a stage, a weight or a node of the scheme is wrong',
            scales: depths,
            rows: [geometricMeans(rows)],
            accuracy: Math.max(...measured.map((one) => one.earlyAccuracy)),
            order: -scheme.order,
            side: 'at least as fast',
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
      'bound.sharpest': sharp.map((one) => one.euler.map((value, i) => value / one.bounds[i])),
      'reference.accuracy': accuracy,
      'heun.errors': higher[0].rows,
      'rk4.errors': higher[1].rows,
    },
    summary:
      trivial === undefined
        ? `The largest distance to the flow falls ${decayInWords('L', order)}; it reaches ${grönwall.measured.toPrecision(2)} of Grönwall's bound with constants measured along the paths.`
        : nothing,
    figures: [
      convergenceFigure({
        id: 'A.euler-order',
        title: 'Finite depth against the flow',
        caption:
          'Largest distance between the hidden states of L layers and the continuous-depth flow, over all layers and sequences. Band: range over experiments. Expected: order 1 for the residual recursion (Euler), 2 and 4 for the schemes of Heun and Runge–Kutta.',
        scale: 'layers L',
        quantity: 'sup_k |h_k − h(t_k)|',
        curves: [
          { series: 'Euler (residual network)', scales: depths, rows: errors, slope: -1 },
          { series: "Euler's bound (Grönwall)", scales: depths, rows: bounds, bound: true },
          ...higher.map(({ scheme, series, rows }) => ({
            series,
            scales: depths,
            rows,
            slope: -scheme.order,
          })),
        ],
      }),
    ],
  };
}

function trivialityOf(measured: readonly EulerErrors[]): string | undefined {
  if (measured.every(({ constants }) => constants.speed === 0)) {
    return 'the layer does not move any token';
  }
  const straight = measured.every(
    ({ constants, euler, accuracy }) =>
      constants.lipschitzInState === 0 && euler.every((error) => error <= 10 * accuracy),
  );
  return straight
    ? 'every token moves at constant speed, so that one layer is the flow'
    : undefined;
}

/** Finite depth stays within O(1/L) of the flow, pathwise (arXiv 2606.23235). */
export const eulerOrder = claim<DepthFlows, EulerErrors>({
  id: 'A.euler-order',
  title: 'Layers are Euler steps of a flow',
  statement:
    'For fixed controls, $\\sup_k |h_k - h(t_k)| = O(\\varepsilon)$ pathwise, with $\\varepsilon = T/L$, and $\\sup_k |h_k - h(t_k)| \\le \\tfrac{\\varepsilon}{2}\\,(L_\\theta L_t + L_h F)\\,\\frac{e^{L_h T} - 1}{L_h}$.',
  trust: { statement: 'P' },
  given: depthFlows({
    depths: defaultDepths,
    flows: 6,
    fullFlows: 24,
    more: sharpFlows.length,
  }),
  measure({ backend, given, seed, index, progress }) {
    const sharp = given.explicit ? undefined : sharpFlows[index - given.flows];
    const experiment =
      sharp === undefined
        ? flowOf(backend, given, seed, index)
        : linearExperiment(backend, { ...sharp, horizon: 1 });
    return measureEulerErrors(backend, experiment, given.depths, { progress });
  },
  conclude(measured, { given }) {
    const flows = given.explicit ? 1 : given.flows;
    return eulerOrderConclusion(given.depths, measured.slice(0, flows), measured.slice(flows));
  },
});
