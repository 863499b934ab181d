import { z } from 'zod';
import type { ControlModel } from '../../control/control-model.ts';
import { prolongParameters } from '../../control/refinement.ts';
import type { Backend } from '../../kernels/backend.ts';
import { type ClaimContext, type Finding, legacy } from '../legacy.ts';
import { controlInstanceShape, explicitModel } from './control-instance.ts';
import { hamiltonianFinding } from './hamiltonian-finding.ts';
import { randomSequencesModel } from './hamiltonian-problem.ts';
import { type HamiltonianRecord, recordHamiltonian } from './hamiltonian-record.ts';
import { solveModel } from './optima.ts';
import { overExperiments } from './over-experiments.ts';

const quickDepths = [4, 8, 16, 32, 64];
const fullDepths = [4, 8, 16, 32, 64, 128];
const weakDepths = [4, 8, 16, 32];

/**
 * λ of a problem whose solutions are Lipschitz in depth, and of one whose solutions jump. Where λ alone makes the
 * problem coercive, the optimal layer acts linearly (Q = K = 0 and W1 = W2 = 0, since products of controls do not pay),
 * so that a third kind of problem has the weak λ and an H¹ penalty μ.
 */
const coercive = { regularisation: 2 };
const weaklyRegularised = { regularisation: 0.03 };
const smooth = { regularisation: 0.03, smoothness: 0.03 };

interface DepthOptions {
  readonly continuation: boolean;
  /** Of the solver at each depth, at the most; default 2000. */
  readonly iterations?: number;
}

/** Solves one problem at every depth, each from the solution at the depth before if that has half the layers. */
export function solveOverDepths(
  backend: Backend,
  depths: readonly number[],
  modelOf: (layers: number) => ControlModel,
  options: DepthOptions,
): HamiltonianRecord[] {
  return backend.scoped(() => {
    let coarse: ControlModel | undefined;
    return depths.map((layers) => {
      const model = modelOf(layers);
      if (options.continuation && coarse?.problem.layout.layers === layers / 2) {
        const { layout, grid } = coarse.problem;
        model.parameters.set(prolongParameters(layout, grid, coarse.parameters, 'linear'));
      }
      solveModel(model, { tolerance: 1e-10, iterations: options.iterations ?? 2000 });
      coarse = model;
      return recordHamiltonian(model) ?? divergedRecord(model);
    });
  });
}

/** What stands for a model whose flow left the limits: no assumption holds. */
function divergedRecord({ problem }: ControlModel): HamiltonianRecord {
  const nothing = {
    depths: [],
    values: [],
    mean: NaN,
    size: NaN,
    deviation: NaN,
    curvature: -Infinity,
  };
  const { layout, penalty } = problem;
  return {
    ...nothing,
    layers: layout.layers,
    residual: Infinity,
    steepness: Infinity,
    regularisation: penalty.regularisation,
    smoothness: penalty.smoothness,
  };
}

const instanceSchema = z.strictObject({
  ...controlInstanceShape,
  smoothness: z.number().min(0).default(0).describe('μ of ∫ (μ/2)|θ̇|² dt'),
  depths: z
    .array(z.int().min(2))
    .min(4)
    .default(quickDepths)
    .describe('numbers of layers L, increasing, at least 4; doubling ones continue each other')
    .refine((depths) => depths.every((L, i) => i === 0 || L > depths[i - 1]), {
      message: 'must increase',
    }),
});

export type HamiltonianInstance = z.infer<typeof instanceSchema>;

async function run(context: ClaimContext<HamiltonianInstance>): Promise<Finding> {
  const { backend, seed, setting, instance } = context;
  if (instance !== undefined) {
    const modelOf = (layers: number) =>
      explicitModel(backend, instance, {
        layers,
        seed,
        smoothness: instance.smoothness,
        frozen: ['readout'],
      });
    const records = solveOverDepths(backend, instance.depths, modelOf, { continuation: true });
    return hamiltonianFinding([records]);
  }
  const depths = setting === 'full' ? fullDepths : quickDepths;
  const count = setting === 'full' ? 16 : 6;
  const solve = (
    penalty: { readonly regularisation: number; readonly smoothness?: number },
    index: number,
    at: readonly number[],
    options: DepthOptions,
  ) => {
    const modelOf = (layers: number) =>
      randomSequencesModel(backend, { seed, index, layers, ...penalty });
    return solveOverDepths(backend, at, modelOf, options);
  };
  const solutions = await overExperiments(context, count, 'coercive problems', (index) =>
    solve(coercive, index, depths, { continuation: true }),
  );
  const smoothSolutions = await overExperiments(context, count / 2, 'H¹ penalty', (index) =>
    solve(smooth, index, depths.slice(1), {
      continuation: true,
      iterations: setting === 'full' ? 4000 : 1000,
    }),
  );
  const [weak] = await overExperiments(context, 1, 'weak regularisation', (index) =>
    solve(weaklyRegularised, index, weakDepths, {
      continuation: false,
      iterations: setting === 'full' ? 2000 : 150,
    }),
  );
  return hamiltonianFinding(solutions, { smooth: smoothSolutions, weak });
}

/** Along a strong extremal of an autonomous problem the Hamiltonian does not depend on the depth. */
export const hamiltonian = legacy<HamiltonianInstance>({
  id: 'A.hamiltonian',
  paper: 'A',
  title: 'The Hamiltonian is constant over depth',
  statement:
    'Along a strong extremal of an autonomous problem $t \\mapsto \\mathbb E\\langle p_t, f(h_t, \\theta_t)\\rangle + \\tfrac{\\lambda}{2}|\\theta_t|^2 - \\tfrac{\\mu}{2}|\\dot\\theta_t|^2$ is constant; over the layers of an $L$-layer solution its standard deviation is $O(1/L)$.',
  trust: 'S, D',
  quantity: 'log–log slope of the standard deviation of H in L',
  instance: instanceSchema,
  run,
});
