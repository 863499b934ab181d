import * as z from 'zod';
import type { TerminalComparison } from '../../control/certificates/terminal-comparison.ts';
import {
  measureTerminal,
  measureTerminalInstance,
  type TerminalRecord,
} from '../../control/certificates/terminal-record.ts';
import {
  linearAdjointExperiment,
  randomAdjointExperiment,
} from '../../control/depth/adjoint-experiment.ts';
import type { CostateBound } from '../../control/depth/costate-bound.ts';
import { agreement, bound } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { experimentCount, matrix } from '../fields.ts';
import type { Figure } from '../figure.ts';
import { experiments } from '../given.ts';
import { nothing, notTrivial } from '../verdict.ts';
import { horizonField, poolingField } from './depth-instance.ts';

const given = experiments({
  label: 'readouts',
  shared: {},
  own: {
    horizon: horizonField,
    layers: z.int().min(1).max(1024).default(32).describe('L'),
    readouts: experimentCount(
      9,
      'random flows and readouts: poolings position, last, mean in turn, entries of deviation 1/√d, 30/√d, 300/√d',
    ),
  },
  data: {
    hT: matrix.describe('n tokens of d numbers: the last states of one sequence'),
    U: matrix.describe('the readout, C × d'),
    labels: z
      .array(z.int().min(0))
      .min(1)
      .describe('one class for each token, or one if the readout pools'),
    pooling: poolingField,
  },
  full: { readouts: 72 },
  // The last one of the claim's own is a linear flow on which the bound is nearly reached.
  pieces: (instance) => (instance.explicit ? 1 : instance.readouts + 1),
});

type Given = ReturnType<typeof given.parse>;

const poolings = ['position', 'last', 'mean'] as const;
const readoutSizes = [1, 30, 300];

/** What comparisons at h_T, and costates along the depth beside their bound, say. */
export function terminalCostateConclusion(measured: readonly TerminalRecord[]): Conclusion {
  const comparisons = measured.map((one) => one.comparison);
  const bounds = measured.map((one) => one.bound);
  const double = measured.every(({ precision }) => precision === 'f64');
  const trivial = trivialityOf(comparisons);
  const same = agreement({
    name: 'p_T against a forward-mode differentiation of the loss, in units of rounding',
    failsIf: 'p_T is not the softmax residual pulled back: a sign, a factor, a transposed readout',
    of: comparisons,
  });
  const bounded = bound({
    name: '|p_t| over √2 ‖U‖ e^{L_h(T−t)}',
    failsIf: 'a costate exceeds the bound with the Lipschitz constant measured along its path',
    pairs: bounds.flatMap(({ norms, bounds: most }) =>
      norms.map((value, k) => ({ value, bound: most[k] })),
    ),
  });
  return {
    hypotheses: [],
    resolution: [
      { name: 'arithmetic in double precision', holds: double, value: measured[0].precision },
      notTrivial(trivial),
    ],
    checks: [same, bounded],
    evidence: {
      'costate.difference': comparisons.map((c) => c.difference),
      'costate.uncertainty': comparisons.map((c) => c.uncertainty),
      'costate.largestEntry': comparisons.map((c) => c.scale),
      'costate.norm': bounds.map(({ norms }) => norms[norms.length - 1]),
      'bound.lipschitzInState': bounds.map((b) => b.lipschitzInState),
      'bound.atTerminal': bounds.map((b) => b.atTerminal),
      'bound.largestShare': Math.max(...bounds.map((b) => b.largestShare)),
      ...measured[0].details,
    },
    summary:
      trivial === undefined
        ? `The softmax residual pulled back through the readout is the loss's derivative up to ${same.measured.toFixed(2)} of what rounding leaves open; costates reach ${bounded.measured.toPrecision(2)} of the bound √2‖U‖e^{L(T−t)} at most.`
        : nothing,
    figures: bounds
      .filter(({ depths }) => depths.length > 1)
      .slice(0, 1)
      .map(boundFigure),
  };
}

function trivialityOf(comparisons: readonly TerminalComparison[]): string | undefined {
  const known = comparisons.some(({ scale, uncertainty }) => scale > uncertainty);
  return known
    ? undefined
    : 'every costate is 0 to rounding: one class, equal rows of U, or a softmax that has decided for the labels';
}

function boundFigure(bound: CostateBound): Figure {
  return {
    id: 'A.terminal-costate',
    title: 'Costates along the depth',
    caption:
      'Norm of the costate, the largest over sequences, from the softmax residual at T back to depth 0, beside its bound, which grows like exp(L(T − t)), L the Lipschitz constant measured along the path.',
    x: { label: 'depth t' },
    y: { label: '|p_t|', scale: 'log' },
    marks: [
      { kind: 'line', series: 'bound', bound: true, x: bound.depths, y: bound.bounds },
      { kind: 'line', series: 'costate', x: bound.depths, y: bound.norms },
    ],
  };
}

/** The terminal costate is the softmax residual pulled back through the readout (arXiv 2606.23235). */
export const terminalCostate = claim<Given, TerminalRecord>({
  id: 'A.terminal-costate',
  title: 'The terminal costate is the softmax residual',
  statement:
    'Under cross-entropy $p_T = \\mathrm{pool}^*\\big(U^\\top(\\mathrm{softmax}(z) - e_y)\\big)$ with $z = U\\,\\mathrm{pool}(h_T)$, and $|p_t| \\le \\sqrt{2}\\,\\|U\\|\\,e^{L_h(T-t)}$.',
  trust: { statement: 'P' },
  given,
  measure({ backend, given, seed, index }) {
    if (given.explicit) return measureTerminalInstance(backend, given);
    const { horizon, layers, readouts } = given;
    const pooling = poolings[index % 3];
    const size = readoutSizes[Math.floor(index / 3) % 3];
    const experiment =
      index < readouts
        ? randomAdjointExperiment(backend, seed, index, { horizon, pooling, size })
        : linearAdjointExperiment(backend, { growth: 1, horizon, readout: 30 });
    return measureTerminal(backend, experiment, layers);
  },
  conclude: (measured) => terminalCostateConclusion(measured),
});
