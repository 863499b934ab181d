import { compareGradients } from '../../control/certificates/gradient-comparison.ts';
import { compareTerminalCostate } from '../../control/certificates/terminal-comparison.ts';
import { terminalLossOf } from '../../control/control-model.ts';
import { measureCostateBound } from '../../control/depth/costate-bound.ts';
import { measureCostateErrors } from '../../control/depth/costate-errors.ts';
import { measureEulerErrors } from '../../control/depth/euler-errors.ts';
import {
  depthsFrom,
  experimentOf,
  probedModel,
  type TrainedModel,
} from '../../control/depth/trained-experiment.ts';
import {
  type HamiltonianRecord,
  recordHamiltonian,
} from '../../control/optimum/hamiltonian-record.ts';
import type { SolvedProblem } from '../../control/optimum/optimum.ts';
import { errorData, MesoscopeError } from '../../errors.ts';
import { atMost } from '../check.ts';
import { type Claim, type Conclusion, concludeClaim, type Finding } from '../claim.ts';
import type { StoredOutcome } from '../stored-outcome.ts';
import { costateOrder, costateOrderConclusion } from './costate-order.ts';
import { eulerOrder, eulerOrderConclusion } from './euler-order.ts';
import { gradient, gradientConclusion } from './gradient.ts';
import { hamiltonian, profileFigure } from './hamiltonian.ts';
import { coerciveHypothesis, optimumFound } from './solution-conditions.ts';
import { terminalCostate, terminalCostateConclusion } from './terminal-costate.ts';

/** Samples of the probe on which depth is refined, and on which the rest is measured. */
const refinedSamples = 2;
const probedSamples = 8;

/** The foundation claims, each with its measurement on a trained model. */
const measurements: readonly (readonly [Claim, (model: TrainedModel) => Finding])[] = [
  [eulerOrder as Claim, eulerOrderOfModel],
  [costateOrder as Claim, costateOrderOfModel],
  [terminalCostate as Claim, terminalCostateOfModel],
  [gradient as Claim, gradientOfModel],
  [hamiltonian as Claim, (model) => ofTrained(() => hamiltonianOfTrained(model))],
];

/** The claims that can be measured on a trained model. */
export const trainedClaims: readonly Claim[] = measurements.map(([claim]) => claim);

/**
 * Measures one of them: orders of states and costates as the model's layers are cut into ever finer steps, the terminal
 * costate, the gradient in three ways, or its Hamiltonian. A measurement that throws is reported as such.
 */
export function measureTrainedClaim(claim: Claim, model: TrainedModel): StoredOutcome {
  const [, measure] = measurements.find(([one]) => one === claim) ?? [];
  if (measure === undefined) throw new RangeError(`${claim.id} is not measured on a trained model`);
  const { backend } = model.problem;
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  try {
    const finding = backend.scoped(() => measure(model));
    return { id: claim.id, finding, seconds: seconds() };
  } catch (cause) {
    return { id: claim.id, error: errorData(cause), seconds: seconds() };
  }
}

/**
 * The first quarter of a trained flow is stiff (εL_h ≈ 1 at 128 layers in the first look), so that a scheme of order 4 shows its order
 * from there on only: three doublings more than that, and a reference finer than those.
 */
function eulerOrderOfModel(model: TrainedModel): Finding {
  const { backend, layout } = model.problem;
  const depths = depthsFrom(layout.layers, 1024);
  const experiment = experimentOf(model, refinedSamples);
  const errors = measureEulerErrors(backend, experiment, depths, { leastSteps: 2048 });
  return ofTrained(() => eulerOrderConclusion(depths, [errors]));
}

/** A finding about a trained model, which stands in place of an instance. */
function ofTrained(conclude: () => Conclusion): Finding {
  return concludeClaim({ conclude }, [], { given: 'the model trained in this run', seed: 0 });
}

function costateOrderOfModel(model: TrainedModel): Finding {
  const { backend, layout } = model.problem;
  const depths = depthsFrom(layout.layers);
  const errors = measureCostateErrors(backend, experimentOf(model, refinedSamples), depths);
  return ofTrained(() => costateOrderConclusion(depths, [errors]));
}

function terminalCostateOfModel(model: TrainedModel): Finding {
  const { problem } = model;
  const { backend, field, tokens } = problem;
  const probed = probedModel(model, probedSamples);
  const { states, costates } = problem.trace(probed.parameters, probed.batch);
  if (costates.length === 0) throw diverged();
  const loss = terminalLossOf(probed);
  const { samples } = probed.batch;
  const sizes = { dimension: field.dimension, tokens, samples };
  const comparison = compareTerminalCostate(backend, loss, states.last, sizes);
  const path = { trajectory: states, costates };
  const bound = measureCostateBound(backend, { field, tokens, samples }, path, loss);
  const { precision } = backend;
  return ofTrained(() => terminalCostateConclusion([{ precision, comparison, bound }]));
}

function gradientOfModel(model: TrainedModel): Finding {
  const { backend, layout } = model.problem;
  const factors = depthsFrom(layout.layers).map((layers) => layers / layout.layers);
  const comparison = compareGradients(probedModel(model, refinedSamples), {
    factors,
    fineFactor: Math.max(2, Math.ceil(128 / layout.layers)),
    directions: 3,
    seed: 1,
  });
  return ofTrained(() => gradientConclusion([{ precision: backend.precision, comparison }]));
}

function hamiltonianOfTrained(model: TrainedModel): Conclusion {
  const { layers } = model.problem.layout;
  const looked = [...new Set([0, Math.floor(layers / 2), layers - 1])];
  const probed = { ...model, batch: model.probe };
  const record = recordHamiltonian(probed, { layers: looked, iterations: 20 });
  if (record === undefined) throw diverged();
  return hamiltonianOfModel(record);
}

/** What one model says at its one depth: how constant H is, and whether it had to be. */
export function hamiltonianOfModel(record: HamiltonianRecord): Conclusion {
  const { layers, residual, curvature, regularisation, smoothness } = record;
  const only = { layers, residual, jump: Number.NaN, objective: Number.NaN, gradients: 0 };
  const solved: SolvedProblem = { depths: [only], size: Number.NaN, quality: undefined };
  const relative = record.deviation / record.size;
  return {
    hypotheses: [
      coerciveHypothesis([{ ...solved, quality: { curvature, attention: 0, activation: 0 } }], {
        regularisation,
        smoothness,
      }),
    ],
    resolution: [optimumFound([solved])],
    checks: [
      atMost({
        name: 'standard deviation of H over layers, as a share of the size of its terms, at most 1/L',
        failsIf: 'the Hamiltonian of an extremal varies over depth',
        ...{ measured: relative, expected: 1 / layers },
      }),
    ],
    evidence: {
      'hamiltonian.values': record.values,
      'hamiltonian.depths': record.depths,
      'hamiltonian.mean': record.mean,
      'hamiltonian.size': record.size,
      'hamiltonian.deviation': record.deviation,
      'stationary.residual': residual,
      'coercive.curvature': curvature,
      'coercive.regularisation': regularisation,
      'controls.steepness': record.steepness,
    },
    summary: `The Hamiltonian's standard deviation over depth is ${relative.toPrecision(2)} of the size of its terms.`,
    figures: [
      profileFigure({
        id: 'A.hamiltonian',
        title: 'The Hamiltonian over depth',
        caption:
          'E⟨p, f⟩ + g(θ) at every layer of the trained model. It is constant along a strong extremal; how far it is from constant tells how far training is from one.',
        profiles: [record],
      }),
    ],
  };
}

function diverged(): MesoscopeError {
  return new MesoscopeError({
    code: 'unsupported',
    what: 'the flow of the trained model diverges',
    by: 'a claim about its costates',
    wayOut: 'Train longer or at a smaller rate, or on more layers.',
  });
}
