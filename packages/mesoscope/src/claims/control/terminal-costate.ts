import { z } from 'zod';
import { createTerminalLoss, type TerminalLoss } from '../../control/terminal-loss.ts';
import { euler } from '../../flow/scheme.ts';
import type { Backend, FloatArray } from '../../kernels/backend.ts';
import { columnStride } from '../../kernels/instruction.ts';
import { stateLength } from '../../kernels/program.ts';
import { packTokens, unpackTokens } from '../../kernels/tokens.ts';
import { fromRows } from '../../numeric/matrix.ts';
import type { Figure } from '../figure.ts';
import {
  type Assumption,
  type ClaimContext,
  type Evidence,
  type Expected,
  type Finding,
  judge,
  legacy,
} from '../legacy.ts';
import { denseMatrix, randomAdjointExperiment } from './adjoint-experiment.ts';
import { boundAtTerminal, type CostateBound, measureCostateBound } from './costate-bound.ts';
import { backPropagate } from './costate-errors.ts';
import { matrix } from './depth-instance.ts';
import { differentiateLoss } from './dual-loss.ts';
import { overExperiments } from './over-experiments.ts';

/** p_T of the product beside an independent differentiation of the loss. */
export interface TerminalComparison {
  /** `max |p − q| / max(1, |q|_∞)` over all entries. */
  readonly difference: number;
  readonly largestEntry: number;
}

interface Sizes {
  readonly dimension: number;
  readonly tokens: number;
  readonly samples: number;
}

/** Compares the readout's pullback at given last states with a forward-mode differentiation of the loss. */
export function compareTerminalCostate(
  backend: Backend,
  loss: TerminalLoss,
  states: FloatArray,
  sizes: Sizes,
): TerminalComparison {
  return backend.scoped(() => {
    const costate = backend.allocate(states.length);
    loss.costate(states, costate);
    return compareCostates(costate, differentiateLoss(loss, states, sizes), sizes);
  });
}

/** The largest difference of two costates of S samples, relative to the larger of 1 and the second one's largest entry. */
export function compareCostates(
  costate: FloatArray,
  independent: FloatArray,
  { dimension, tokens, samples }: Sizes,
): TerminalComparison {
  const stride = columnStride(tokens);
  let largest = 0;
  let gap = 0;
  for (let row = 0; row < samples * dimension; row++) {
    for (let i = row * stride; i < row * stride + tokens; i++) {
      largest = Math.max(largest, Math.abs(independent[i]));
      gap = Math.max(gap, Math.abs(costate[i] - independent[i]));
    }
  }
  return { difference: gap / Math.max(1, largest), largestEntry: largest };
}

/** The finding from comparisons at h_T and costates along the depth against their bound. */
export function terminalCostateFinding(
  backend: Backend,
  comparisons: readonly TerminalComparison[],
  bounds: readonly CostateBound[],
  more: Readonly<Record<string, Evidence>> = {},
): Finding {
  const expected: Expected = { kind: 'at-most', value: 1e-12 };
  const measured = Math.max(...comparisons.map((c) => c.difference));
  const ratio = Math.max(0, ...bounds.map((b) => b.largestRatio));
  const share = Math.max(0, ...bounds.map((b) => b.largestShare));
  const assumptions: Assumption[] = [
    {
      name: 'arithmetic in double precision',
      holds: backend.precision === 'f64',
      value: backend.precision,
    },
  ];
  const verdict = judge(assumptions, measured, null, expected);
  const bounded = ratio <= 1;
  return {
    assumptions,
    evidence: {
      'costate.relativeDifference': comparisons.map((c) => c.difference),
      'costate.largestEntry': comparisons.map((c) => c.largestEntry),
      'bound.largestRatio': ratio,
      'bound.lipschitzInState': bounds.map((b) => b.lipschitzInState),
      'bound.atTerminal': bounds.map((b) => b.atTerminal),
      'bound.largestShare': share,
      ...more,
    },
    measured,
    expected,
    interval: null,
    verdict: verdict === 'holds' && !bounded ? 'fails' : verdict,
    summary: bounded
      ? `The softmax residual pulled back through the readout is the loss's derivative up to ${measured.toExponential(1)}; costates reach ${ratio.toPrecision(2)} of the bound √2‖U‖e^{L(T−t)} at most.`
      : `Costates exceed the bound √2‖U‖e^{L(T−t)} with measured constants ${ratio.toPrecision(3)} times.`,
    figures: bounds
      .filter(({ depths }) => depths.length > 1)
      .slice(0, 1)
      .map(boundFigure),
  };
}

function boundFigure(bound: CostateBound): Figure {
  return {
    id: 'A.terminal-costate',
    title: 'Costates along the depth',
    caption:
      'Norm of the costate, the largest over sequences, from the softmax residual at T back to depth 0, beside the bound √2‖U‖e^{L(T−t)} with L the Lipschitz constant measured along the path.',
    x: { label: 'depth t' },
    y: { label: '|p_t|', scale: 'log' },
    marks: [
      { kind: 'reference', label: 'bound', x: bound.depths, y: bound.bounds },
      { kind: 'line', series: 'costate', x: bound.depths, y: bound.norms },
    ],
  };
}

const terminalInstance = z.strictObject({
  hT: matrix.describe('n tokens of d numbers: the last states of one sequence'),
  U: matrix.describe('the readout, C × d'),
  labels: z
    .array(z.int().min(0))
    .min(1)
    .describe('one class for each token, or one if the readout pools'),
  pooling: z
    .enum(['position', 'last', 'mean'])
    .default('position')
    .describe('what the readout sees: every token, the last one, or their mean'),
});

export type TerminalInstance = z.infer<typeof terminalInstance>;

function explicitFinding(backend: Backend, instance: TerminalInstance): Finding {
  const { hT, U, labels, pooling } = instance;
  const tokens = hT.length;
  const dimension = fromRows(hT, 'hT').columns;
  const sizes = { dimension, tokens, samples: 1 };
  const readout = denseMatrix(backend, 'U', U, dimension);
  const specification = { readout, classes: U.length, labels, pooling };
  const loss = createTerminalLoss(backend, sizes, specification);
  const states = packTokens([hT], backend.allocate(stateLength(dimension, tokens)));
  const costate = backend.allocate(states.length);
  loss.costate(states, costate);
  const m = loss.columns;
  const [rows] = unpackTokens(costate, sizes);
  const [residual] = unpackTokens(loss.residual, { samples: 1, tokens: m, dimension: U.length });
  const comparison = compareCostates(costate, differentiateLoss(loss, states, sizes), sizes);
  const bound = boundAtTerminal(loss, states, costate, sizes);
  return terminalCostateFinding(backend, [comparison], [bound], {
    convention:
      m === 1
        ? 'costate: derivative of the cross-entropy of the one label'
        : `costate: derivative of the mean cross-entropy over ${m} labels; costateOfSum: of their sum`,
    costate: rows,
    costateOfSum: rows.map((row) => row.map((x) => m * x)),
    softmaxResidual: residual,
    'costate.norm': bound.norms[0],
  });
}

const poolings = ['position', 'last', 'mean'] as const;

/** Deviations of the readout's entries, times √d: logits from order 1 to order 1000. */
const readoutSizes = [1, 30, 300];

async function run(context: ClaimContext<TerminalInstance>): Promise<Finding> {
  const { backend, seed, setting, instance } = context;
  if (instance !== undefined) return explicitFinding(backend, instance);
  const count = (setting === 'full' ? 8 : 1) * poolings.length * readoutSizes.length;
  const measured = await overExperiments(context, count, 'random readouts', (index) => {
    const pooling = poolings[index % 3];
    const size = readoutSizes[Math.floor(index / 3) % 3];
    const experiment = randomAdjointExperiment(backend, seed, index, { pooling, size });
    const adjoint = backPropagate(backend, experiment, 32, euler);
    if (adjoint === undefined) throw new RangeError('a random flow diverged');
    const { loss, field, tokens, samples } = experiment;
    const sizes = { dimension: field.dimension, tokens, samples };
    return {
      comparison: compareTerminalCostate(backend, loss, adjoint.trajectory.last, sizes),
      bound: measureCostateBound(backend, experiment, adjoint, loss),
    };
  });
  return terminalCostateFinding(
    backend,
    measured.map((m) => m.comparison),
    measured.map((m) => m.bound),
  );
}

/** The terminal costate is the softmax residual pulled back through the readout (arXiv 2606.23235). */
export const terminalCostate = legacy<TerminalInstance>({
  id: 'A.terminal-costate',
  paper: 'A',
  title: 'The terminal costate is the softmax residual',
  statement:
    'Under cross-entropy $p_T = \\mathrm{pool}^*\\big(U^\\top(\\mathrm{softmax}(z) - e_y)\\big)$ with $z = U\\,\\mathrm{pool}(h_T)$, and $|p_t| \\le \\sqrt{2}\\,\\|U\\|\\,e^{L_h(T-t)}$.',
  trust: 'P',
  quantity: 'largest difference to an independent differentiation',
  instance: terminalInstance,
  run,
});
