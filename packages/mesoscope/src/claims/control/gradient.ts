import { z } from 'zod';
import type { Batch } from '../../control/batch.ts';
import {
  compareGradients,
  type GradientComparison,
  type GradientComparisonOptions,
  resolved,
} from '../../control/certificates/gradient-comparison.ts';
import type { ControlModel } from '../../control/control-model.ts';
import { createControlProblem } from '../../control/create-problem.ts';
import { initialParameters, parameterParts } from '../../control/parameters.ts';
import { transformerBlock } from '../../field/transformer-block.ts';
import { uniformGrid } from '../../flow/grid.ts';
import type { Backend } from '../../kernels/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import { judgeOrder, rowsOrRow } from '../judge-order.ts';
import {
  type ClaimContext,
  type Evidence,
  type Expected,
  type Finding,
  judge,
  legacy,
} from '../legacy.ts';
import { controlInstanceShape, explicitModel } from './control-instance.ts';
import { orderFigure } from './order-figure.ts';
import { overExperiments } from './over-experiments.ts';

/** The largest relative error by which all three gradients of the fine flow may differ. */
const fineTolerance = 1e-6;

/** The finding from comparisons on one or more models at the same depths. */
export function gradientFinding(
  precision: Backend['precision'],
  measured: readonly GradientComparison[],
): Finding {
  const expected: Expected = { kind: 'at-most', value: 1e-6 };
  const found = measured.flatMap((m) => Object.values(m.differences));
  const difference = Math.max(...found.map((one) => one.difference));
  const ownError = Math.max(...found.map((one) => one.ownError));
  const [{ depths }] = measured;
  const continuous = measured.map((m) => m.continuous);
  const finite = continuous.flat().every(Number.isFinite);
  const order = judgeOrder({ x: depths, y: continuous, order: -1, assumptions: [] });
  const fineDiscrete = Math.max(...measured.map((m) => m.fine.discrete));
  const resolution = Math.max(...measured.map((m) => m.fine.resolution));
  const fineDifferences = Math.max(...measured.map((m) => m.fine.differences));
  const assumptions = [
    { name: 'arithmetic in double precision', holds: precision === 'f64', value: precision },
    {
      name: 'flow and adjoint exist on [0, T] at every depth',
      holds: finite,
      value: finite ? 'integrated' : 'diverged',
    },
    {
      name: 'finite differences are ten times closer than what they decide (their own estimate)',
      holds: ownError <= 0.1 * expected.value,
      value: ownError,
    },
    {
      name: `fine flow resolved: its gradient moves by at most ${resolved} from half the layers`,
      holds: resolution <= resolved,
      value: resolution,
    },
  ];
  const verdict = judge(assumptions, difference, null, expected);
  const fineAgrees = Math.max(fineDiscrete, fineDifferences) <= fineTolerance;
  const parts: Record<string, Evidence> = {};
  for (const part of parameterParts) {
    const errors = measured.flatMap((m) => m.differences[part]?.difference ?? []);
    if (errors.length > 0) parts[`differences.${part}`] = errors;
  }
  return {
    assumptions,
    evidence: {
      'differences.relativeError': difference,
      'differences.ownError': ownError,
      ...parts,
      depths,
      'continuous.relativeErrors': rowsOrRow(continuous),
      'continuous.slope': order.measured,
      'continuous.interval': order.interval ?? [],
      'continuous.verdict': order.verdict,
      ...order.evidence,
      'fine.layers': measured.map((m) => m.fine.layers),
      'fine.discreteAgainstContinuous': fineDiscrete,
      'fine.differencesAgainstContinuous': fineDifferences,
    },
    measured: difference,
    expected,
    interval: null,
    verdict: verdict === 'holds' && !(fineAgrees && order.verdict === 'holds') ? 'fails' : verdict,
    summary: summaryOf({ difference, slope: order.measured, fineDiscrete, fineDifferences }),
    figures: [
      orderFigure({
        id: 'A.gradient',
        title: 'Gradients of layers against the continuous adjoint',
        caption:
          'Relative difference between the exact gradient of an L-layer recursion and that of the flow by its continuous adjoint, over all parameters of the same controls. Band: range over problems. Expected: order 1.',
        quantity: '|∇J_L − ∇J| / |∇J|',
        curves: [{ series: 'discrete − continuous', layers: depths, errors: continuous }],
        expected: [{ slope: -1, curve: 0 }],
      }),
    ],
  };
}

function summaryOf(numbers: {
  readonly difference: number;
  readonly slope: number;
  readonly fineDiscrete: number;
  readonly fineDifferences: number;
}): string {
  const { difference, slope, fineDiscrete, fineDifferences } = numbers;
  const fine = Math.max(fineDiscrete, fineDifferences);
  return `Discrete adjoint and finite differences agree to ${difference.toExponential(1)}; the continuous adjoint is approached like L^${slope.toFixed(3)}, and all three agree to ${fine.toExponential(1)} on a fine flow.`;
}

const gradientInstance = z.strictObject({
  ...controlInstanceShape,
  smoothness: z.number().min(0).default(0).describe('μ of ∫ (μ/2)|θ̇|² dt'),
  layers: z.int().min(1).max(64).default(4).describe('L, with random controls'),
});

export type GradientInstance = z.infer<typeof gradientInstance>;

const settings: Omit<GradientComparisonOptions, 'seed'> = {
  factors: [2, 4, 8, 16, 32, 64, 128],
  fineFactor: 32,
  directions: 'every',
};

/** Tokens of 5 classes with positions, normalised attention and feed-forward part, λ = 0.1, μ = 0.05, 4 layers. */
function randomModel(backend: Backend, seed: number, index: number): ControlModel {
  const [d, tokens, samples, vocabulary, classes] = [6, 4, 3, 5, 4];
  const problem = createControlProblem(backend, {
    field: transformerBlock({
      dimension: d,
      heads: 2,
      keyDimension: 2,
      hidden: 4,
      activation: 'gelu',
      normalisation: 'rms',
    }),
    grid: uniformGrid(1, 4),
    tokens,
    samples,
    classes,
    vocabulary,
    normalisation: 'rms',
    regularisation: 0.1,
    smoothness: 0.05,
  });
  const random = randomStream(seed, 'gradient data', index);
  const draw = (below: number) =>
    Array.from({ length: samples * tokens }, () => random.integer(below));
  const batch: Batch = { samples, tokens: draw(vocabulary), labels: draw(classes) };
  const parameters = backend.allocate(problem.layout.length);
  parameters.set(initialParameters(problem.field, problem.layout, random.integer(2 ** 31)));
  return { problem, parameters, batch };
}

async function run(context: ClaimContext<GradientInstance>): Promise<Finding> {
  const { backend, seed, setting, instance } = context;
  if (instance !== undefined) {
    const { layers, smoothness } = instance;
    const model = explicitModel(backend, instance, { layers, seed, smoothness });
    return gradientFinding(backend.precision, [compareGradients(model, { ...settings, seed })]);
  }
  const count = setting === 'full' ? 16 : 4;
  const measured = await overExperiments(context, count, 'gradients three ways', (index) =>
    compareGradients(randomModel(backend, seed, index), { ...settings, seed: seed + index }),
  );
  return gradientFinding(backend.precision, measured);
}

/** The gradient of a deep network is the integral of the Hamiltonian's derivative. */
export const gradient = legacy<GradientInstance>({
  id: 'A.gradient',
  paper: 'A',
  title: 'Three gradients agree',
  statement:
    '$\\nabla_{\\theta_k} J = \\varepsilon\\,\\big(\\mathbb E[D_\\theta f(h_k, \\theta_k)^\\top p_{k+1}] + \\nabla g(\\theta_k)\\big)$: exactly the derivative of the recursion, and within $O(\\varepsilon)$ that of the flow.',
  trust: 'D',
  quantity: 'relative difference to finite differences',
  instance: gradientInstance,
  run,
});
