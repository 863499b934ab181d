import * as z from 'zod';
import {
  explicitAdjointExperiment,
  randomAdjointExperiment,
} from '../../control/depth/adjoint-experiment.ts';
import { type CostateErrors, measureCostateErrors } from '../../control/depth/costate-errors.ts';
import { type Conclusion, claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { experimentCount, increasing, matrix } from '../fields.ts';
import { experiments } from '../given.ts';
import { decayInWords, deterministicOrder } from '../order.ts';
import { nothing, notTrivial } from '../verdict.ts';
import { existence, integrated } from './depth-flows.ts';
import { defaultDepths, depthData, horizonField, poolingField } from './depth-instance.ts';

const given = experiments({
  label: 'flows and adjoints',
  shared: {
    horizon: horizonField,
    pooling: poolingField,
    depths: increasing(defaultDepths, 4, 'numbers of layers L'),
  },
  own: {
    flows: experimentCount(
      6,
      'random flows under depth-varying causal layers, read by a random readout of 5 classes',
    ),
  },
  data: {
    ...depthData,
    U: matrix.optional().describe('the readout, C × d; default: random'),
    labels: z
      .array(z.int().min(0))
      .min(1)
      .optional()
      .describe('one class for each token, or one if the readout pools; default: random'),
  },
  full: { flows: 24 },
  pieces: (instance) => (instance.explicit ? 1 : instance.flows),
});

/** What the errors of one or more experiments at the same depths say. */
export function costateOrderConclusion(
  depths: readonly number[],
  measured: readonly CostateErrors[],
): Conclusion {
  const errors = measured.map((m) => m.errors);
  const terminal = measured.map((m) => m.terminal);
  const accuracy = measured.map((m) => m.referenceError);
  const order = deterministicOrder({
    name: 'order of sup_k |p_k − p(t_k)| in L',
    failsIf:
      'back-propagation approaches the continuous adjoint more slowly than 1/L, or not at all',
    scales: depths,
    rows: errors,
    suprema: true,
    accuracy,
    order: -1,
    side: 'at least as fast',
  });
  const ended = measured.map(({ status }) => status);
  const trivial = trivialityOf(measured);
  return {
    hypotheses: [existence('flow and adjoint exist on [0, T]', ended)],
    resolution: [notTrivial(trivial), integrated(ended)],
    checks: [order],
    evidence: {
      depths,
      errors,
      'errors.terminal': terminal,
      'costate.largest': measured.map((m) => m.largestCostate),
      'reference.accuracy': accuracy,
    },
    summary:
      trivial === undefined
        ? `The largest distance between back-propagated and continuous costates falls ${decayInWords('L', order)}.`
        : nothing,
    figures: [
      convergenceFigure({
        id: 'A.costate-order',
        title: 'Back-propagation against the continuous adjoint',
        caption:
          "Largest distance between the costates that L layers back-propagate and those of Pontryagin's costate equation, over all layers and sequences; and its part at T, where only the states' own error enters. Band: range over experiments. Expected: order 1.",
        scale: 'layers L',
        quantity: 'sup_k |p_k − p(t_k)|',
        curves: [
          { series: 'all depths', scales: depths, rows: errors, slope: -1 },
          { series: 'at T', scales: depths, rows: terminal },
        ],
      }),
    ],
  };
}

function trivialityOf(measured: readonly CostateErrors[]): string | undefined {
  if (measured.every(({ largestCostate }) => largestCostate === 0)) {
    return 'every costate is 0: one class, equal rows of U, or a softmax that has decided for the labels';
  }
  const same = measured.every(({ errors, largestCostate }) =>
    errors.every((error) => error <= 64 * Number.EPSILON * largestCostate),
  );
  return same ? 'the costate does not change over depth' : undefined;
}

/** Back-propagation approaches the continuous adjoint at rate 1/L. */
export const costateOrder = claim<ReturnType<typeof given.parse>, CostateErrors>({
  id: 'A.costate-order',
  title: 'Back-propagation is an Euler step of the costate equation',
  statement:
    'With $p_k = p_{k+1} + \\varepsilon D_h f(h_k, \\theta_k)^\\top p_{k+1}$, $p_L = \\mathrm{pool}^*(U^\\top(\\mathrm{softmax}(z_L) - e_y))$ and $-\\dot p = D_h f(h, \\theta)^\\top p$, $p_T = \\mathrm{pool}^*(U^\\top(\\mathrm{softmax}(z_T) - e_y))$: $\\sup_k |p_k - p(t_k)| = O(\\varepsilon)$.',
  trust: { statement: 'D' },
  given,
  measure: ({ backend, given, seed, index }) =>
    measureCostateErrors(
      backend,
      given.explicit
        ? explicitAdjointExperiment(backend, given, seed)
        : randomAdjointExperiment(backend, seed, index, given),
      given.depths,
    ),
  conclude: (measured, { given }) => costateOrderConclusion(given.depths, measured),
});
