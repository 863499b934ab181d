import { z } from 'zod';
import type { Backend } from '../../kernels/backend.ts';
import type { Claim, ClaimContext, Finding } from '../claim.ts';
import { controlInstanceShape, explicitModel } from './control-instance.ts';
import type { ControlModel } from './control-model.ts';
import { hamiltonianFinding } from './hamiltonian-finding.ts';
import { randomSequencesModel } from './hamiltonian-problem.ts';
import { type HamiltonianRecord, recordHamiltonian } from './hamiltonian-record.ts';
import { overExperiments } from './over-experiments.ts';
import { descend, type StationarityOptions, startFrom } from './stationary.ts';

const quickDepths = [4, 8, 16, 32, 64];
const fullDepths = [4, 8, 16, 32, 64, 128, 256];

/** λ of a problem whose solutions are Lipschitz in depth, and of one whose solutions jump. */
const coerciveRegularisation = 1;
const weakRegularisation = 0.03;

/** Solves one problem at every depth, each from the solution at the depth before if that has half the layers. */
export function solveOverDepths(
  backend: Backend,
  depths: readonly number[],
  modelOf: (layers: number) => ControlModel,
  options: StationarityOptions & { readonly continuation: boolean },
): HamiltonianRecord[] {
  return backend.scoped(() => {
    let coarse: ControlModel | undefined;
    return depths.map((layers) => {
      const model = modelOf(layers);
      if (options.continuation && coarse?.problem.layout.layers === layers / 2) {
        startFrom(coarse, model);
      }
      descend(model, options);
      coarse = model;
      return recordHamiltonian(model) ?? divergedRecord(model);
    });
  });
}

/** What stands for a model whose flow left the limits: no assumption holds. */
function divergedRecord({ problem }: ControlModel): HamiltonianRecord {
  const nothing = { depths: [], values: [], mean: NaN, deviation: NaN, curvature: -Infinity };
  const { layout, penalty } = problem;
  return {
    ...nothing,
    layers: layout.layers,
    residual: Infinity,
    steepness: Infinity,
    regularisation: penalty.regularisation,
  };
}

const instanceSchema = z.strictObject({
  ...controlInstanceShape,
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
      explicitModel(backend, instance, { layers, seed, frozen: ['readout'] });
    const records = solveOverDepths(backend, instance.depths, modelOf, { continuation: true });
    return hamiltonianFinding([records]);
  }
  const depths = setting === 'full' ? fullDepths : quickDepths;
  const count = setting === 'full' ? 16 : 6;
  const solutions = await overExperiments(context, count, 'coercive problems', (index) =>
    solveOverDepths(
      backend,
      depths,
      (layers) =>
        randomSequencesModel(backend, {
          seed,
          index,
          layers,
          regularisation: coerciveRegularisation,
        }),
      { continuation: true },
    ),
  );
  const [weak] = await overExperiments(context, 1, 'weak regularisation', (index) =>
    solveOverDepths(
      backend,
      quickDepths,
      (layers) =>
        randomSequencesModel(backend, { seed, index, layers, regularisation: weakRegularisation }),
      { continuation: false, gradients: setting === 'full' ? 2000 : 200 },
    ),
  );
  return hamiltonianFinding(solutions, weak);
}

/** Along a strong extremal of an autonomous problem the Hamiltonian does not depend on the depth. */
export const hamiltonian: Claim<HamiltonianInstance> = {
  id: 'A.hamiltonian',
  paper: 'A',
  title: 'The Hamiltonian is constant over depth',
  statement:
    'Along a strong extremal of an autonomous problem $t \\mapsto \\mathbb E\\langle p_t, f(h_t, \\theta_t)\\rangle + g(\\theta_t)$ is constant; over the layers of an $L$-layer solution its standard deviation is $O(1/L)$.',
  trust: 'S, D',
  quantity: 'log–log slope of the standard deviation of H in L',
  instance: instanceSchema,
  run,
};
