import { euler } from '../../flow/scheme.ts';
import type { Backend } from '../../kernels/backend.ts';
import { stateLength } from '../../kernels/program.ts';
import { packTokens, unpackTokens } from '../../kernels/tokens.ts';
import { fromRows } from '../../numeric/matrix.ts';
import { type AdjointExperiment, denseMatrix } from '../depth/adjoint-experiment.ts';
import { boundAtTerminal, type CostateBound, measureCostateBound } from '../depth/costate-bound.ts';
import { backPropagate } from '../depth/costate-errors.ts';
import type { Pooling } from '../readout.ts';
import { createTerminalLoss } from '../terminal-loss.ts';
import { compareTerminalCostate, type TerminalComparison } from './terminal-comparison.ts';

/** What is measured on one readout. */
export interface TerminalRecord {
  readonly precision: Backend['precision'];
  readonly comparison: TerminalComparison;
  readonly bound: CostateBound;
  /** Of explicit states: costate and residual. */
  readonly details?: Readonly<Record<string, string | readonly (readonly number[])[]>>;
}

/** p_T and the costates before it on L layers of an experiment. */
export function measureTerminal(
  backend: Backend,
  experiment: AdjointExperiment,
  layers: number,
): TerminalRecord {
  const adjoint = backPropagate(backend, experiment, layers, euler);
  if (adjoint === undefined) throw new RangeError('a flow of the own experiments diverged');
  const { loss, field, tokens, samples } = experiment;
  const sizes = { dimension: field.dimension, tokens, samples };
  return {
    precision: backend.precision,
    comparison: compareTerminalCostate(backend, loss, adjoint.trajectory.last, sizes),
    bound: measureCostateBound(backend, experiment, adjoint, loss),
  };
}

/** The last states of one sequence, a readout and what its logits are compared with. */
export interface TerminalInstance {
  /** n tokens of d numbers. */
  readonly hT: readonly (readonly number[])[];
  /** C × d. */
  readonly U: readonly (readonly number[])[];
  /** One class for each token, or one if the readout pools. */
  readonly labels: readonly number[];
  readonly pooling: Pooling;
}

/** p_T at given last states. */
export function measureTerminalInstance(
  backend: Backend,
  { hT, U, labels, pooling }: TerminalInstance,
): TerminalRecord {
  const sizes = { dimension: fromRows(hT, 'hT').columns, tokens: hT.length, samples: 1 };
  const readout = denseMatrix(backend, 'U', U, sizes.dimension);
  const loss = createTerminalLoss(backend, sizes, { readout, classes: U.length, labels, pooling });
  const memory = backend.allocate(stateLength(sizes.dimension, sizes.tokens));
  const states = packTokens([hT], memory);
  const costate = backend.allocate(states.length);
  loss.costate(states, costate);
  const m = loss.columns;
  const [rows] = unpackTokens(costate, sizes);
  const [residual] = unpackTokens(loss.residual, { samples: 1, tokens: m, dimension: U.length });
  return {
    precision: backend.precision,
    comparison: compareTerminalCostate(backend, loss, states, sizes),
    bound: boundAtTerminal(loss, states, costate, sizes),
    details: {
      convention:
        m === 1
          ? 'costate: derivative of the cross-entropy of the one label'
          : `costate: derivative of the mean cross-entropy over ${m} labels; costateOfSum: of their sum`,
      costate: rows,
      costateOfSum: rows.map((row) => row.map((x) => m * x)),
      softmaxResidual: residual,
    },
  };
}
