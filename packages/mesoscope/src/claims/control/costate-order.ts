import { judgeOrder, rowsOrRow } from '../judge-order.ts';
import { type ClaimContext, type Finding, legacy } from '../legacy.ts';
import {
  type AdjointInstance,
  adjointInstance,
  explicitAdjointExperiment,
  randomAdjointExperiment,
} from './adjoint-experiment.ts';
import { type CostateErrors, measureCostateErrors } from './costate-errors.ts';
import { defaultDepths } from './depth-instance.ts';
import { orderFigure } from './order-figure.ts';
import { overExperiments } from './over-experiments.ts';

/** The finding from the errors of one or more experiments at the same depths. */
export function costateOrderFinding(
  depths: readonly number[],
  measured: readonly CostateErrors[],
): Finding {
  const errors = measured.map((m) => m.errors);
  const terminal = measured.map((m) => m.terminal);
  const referenceError = Math.max(...measured.map((m) => m.referenceError));
  const smallest = Math.min(...errors.flat());
  const answer = judgeOrder({
    x: depths,
    y: errors,
    order: -1,
    assumptions: [
      {
        name: 'flow and adjoint exist on [0, T]',
        holds: Number.isFinite(referenceError),
        value: Number.isFinite(referenceError) ? 'integrated' : 'diverged',
      },
      {
        name: 'reference costate at least 1000 times closer than the smallest error',
        holds: referenceError <= 1e-3 * smallest,
        value: referenceError / smallest,
      },
    ],
  });
  return {
    assumptions: answer.assumptions,
    evidence: {
      depths,
      errors: rowsOrRow(errors),
      'errors.terminal': rowsOrRow(terminal),
      'costate.largest': measured.map((m) => m.largestCostate),
      'reference.error': referenceError,
      ...answer.evidence,
    },
    measured: answer.measured,
    expected: { kind: 'value', value: -1 },
    interval: answer.interval,
    verdict: answer.verdict,
    summary: `The largest distance between back-propagated and continuous costates falls like L^${answer.measured.toFixed(3)}.`,
    figures: [
      orderFigure({
        id: 'A.costate-order',
        title: 'Back-propagation against the continuous adjoint',
        caption:
          "Largest distance between the costates that L layers back-propagate and those of Pontryagin's costate equation, over all layers and sequences; and its part at T, where only the states' own error enters. Band: range over experiments. Expected: order 1.",
        quantity: 'sup_k |p_k − p(t_k)|',
        curves: [
          { series: 'all depths', layers: depths, errors },
          { series: 'at T', layers: depths, errors: terminal },
        ],
        expected: [{ slope: -1, curve: 0 }],
      }),
    ],
  };
}

async function run(context: ClaimContext<AdjointInstance>): Promise<Finding> {
  const { backend, seed, setting, instance } = context;
  if (instance !== undefined) {
    const experiment = explicitAdjointExperiment(backend, instance, seed);
    const errors = measureCostateErrors(backend, experiment, instance.depths);
    return costateOrderFinding(instance.depths, [errors]);
  }
  const count = setting === 'full' ? 24 : 6;
  const measured = await overExperiments(context, count, 'random flows and adjoints', (index) =>
    measureCostateErrors(backend, randomAdjointExperiment(backend, seed, index), defaultDepths),
  );
  return costateOrderFinding(defaultDepths, measured);
}

/** Back-propagation approaches the continuous adjoint at rate 1/L. */
export const costateOrder = legacy<AdjointInstance>({
  id: 'A.costate-order',
  paper: 'A',
  title: 'Back-propagation is an Euler step of the costate equation',
  statement:
    'With $p_k = p_{k+1} + \\varepsilon D_h f(h_k, \\theta_k)^\\top p_{k+1}$, $p_L = \\mathrm{pool}^*(U^\\top(\\mathrm{softmax}(z_L) - e_y))$ and $-\\dot p = D_h f(h, \\theta)^\\top p$, $p_T = \\mathrm{pool}^*(U^\\top(\\mathrm{softmax}(z_T) - e_y))$: $\\sup_k |p_k - p(t_k)| = O(\\varepsilon)$.',
  trust: 'D',
  quantity: 'log–log slope of the error in L',
  instance: adjointInstance,
  run,
});
