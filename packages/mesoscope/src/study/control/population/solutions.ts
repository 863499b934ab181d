import { type ControlCertificate, certifyControls } from '../../../control/certificates/index.ts';
import { prolongParameters, sampleParameters } from '../../../control/refinement.ts';
import {
  type ControlSolution,
  type controlSolvers,
  solveControls,
} from '../../../control/solvers/index.ts';
import { MesoscopeError } from '../../../errors.ts';
import type { FloatArray } from '../../../kernels/backend.ts';
import { columnStride } from '../../../kernels/instruction.ts';
import { populationBatch } from '../../../task/population/index.ts';
import type { PlannedContext } from '../../plan.ts';
import { populationProblem, type ReadPopulation, startOf } from './problem.ts';
import type { PopulationStudy } from './schema.ts';

/** A population's problem solved at one depth. */
export interface SolvedDepth {
  readonly layers: number;
  readonly solution: ControlSolution;
  /** Probability that the model's likeliest class is right. */
  readonly accuracy: number;
  readonly certificate: ControlCertificate;
  readonly parameters: FloatArray;
}

/** Solves at every depth, each from the solution before; the first from the best of several random starts. */
export async function solveDepths(
  configuration: PopulationStudy,
  read: ReadPopulation,
  context: PlannedContext,
): Promise<SolvedDepth[]> {
  const { depths, starts, solver, tolerance, iterations, seed, prolongation } = configuration;
  const { backend } = context;
  const batch = populationBatch(read.population);
  const solved = [...((context.resume as SolvedDepth[] | undefined) ?? [])];
  for (let i = solved.length; i < depths.length; i++) {
    const layers = depths[i];
    const attempts = i === 0 ? starts : 1;
    const found: SolvedDepth[] = [];
    for (let attempt = 0; attempt < attempts; attempt++) {
      const words = i === 0 ? `${layers} layers, start ${attempt + 1}` : `${layers} layers`;
      context.progress((i + attempt / attempts) / depths.length, `solving ${words}`);
      found.push(
        await backend.scopedAsync(async () => {
          const problem = populationProblem(backend, configuration, read, layers);
          const parameters = backend.allocate(problem.layout.length);
          const before = solved[i - 1];
          if (before === undefined) parameters.set(startOf(problem, read, seed + attempt));
          else {
            const { layout, grid } = populationProblem(backend, configuration, read, before.layers);
            parameters.set(prolongParameters(layout, grid, before.parameters, prolongation));
          }
          const solution = await solveControls({
            problem,
            parameters,
            batch,
            solver,
            tolerance,
            iterations,
          });
          context.metric({ phase: words, ...numbersOf(solution) });
          const accuracy = accuracyOf(read, problem.logits(parameters, batch), problem.classes);
          const certificate = certifyControls(problem, parameters, batch, {
            seed,
            stationary: Math.max(1e-7, 10 * tolerance),
            searched: 8,
            starts: 4,
            iterations: 200,
          });
          return { layers, solution, accuracy, certificate, parameters: parameters.slice() };
        }),
      );
    }
    solved.push(
      found.reduce((best, one) => (one.solution.objective < best.solution.objective ? one : best)),
    );
    await context.checkpoint(() => [...solved]);
  }
  return solved;
}

/** What one solver comes to from the comparison's random start; where it cannot work on the problem, why. */
export async function solveBy(
  solver: (typeof controlSolvers)[number],
  configuration: PopulationStudy,
  read: ReadPopulation,
  { backend }: PlannedContext,
): Promise<ControlSolution | string> {
  const { seed, comparison } = configuration;
  const { layers, tolerance, iterations, sweeps, ...penalty } = comparison;
  const most = solver.endsWith('approximations') ? sweeps : iterations;
  const problem = populationProblem(backend, { ...configuration, ...penalty }, read, layers);
  const parameters = backend.allocate(problem.layout.length);
  parameters.set(startOf(problem, read, seed));
  const batch = populationBatch(read.population);
  try {
    return await solveControls({
      problem,
      parameters,
      batch,
      solver,
      tolerance,
      iterations: most,
    });
  } catch (cause) {
    if (cause instanceof MesoscopeError && cause.fault.code === 'unsupported') return cause.message;
    throw cause;
  }
}

/** J of the finest solution sampled at each coarser depth. */
export function sampledObjectives(
  configuration: PopulationStudy,
  read: ReadPopulation,
  solved: readonly SolvedDepth[],
  { backend }: PlannedContext,
): number[] {
  const finest = solved[solved.length - 1];
  const batch = populationBatch(read.population);
  return solved.map(({ layers }) =>
    backend.scoped(() => {
      const fine = populationProblem(backend, configuration, read, finest.layers);
      const problem = populationProblem(backend, configuration, read, layers);
      const parameters = backend.allocate(problem.layout.length);
      parameters.set(sampleParameters(fine.layout, fine.grid, finest.parameters, problem.grid));
      return problem.evaluate(parameters, batch).objective;
    }),
  );
}

function numbersOf(solution: ControlSolution) {
  const { objective, loss, residual, layerGradients, seconds } = solution;
  return { objective, loss, residual, layerGradients, seconds };
}

function accuracyOf({ population }: ReadPopulation, logits: FloatArray, classes: number): number {
  const stride = columnStride(1);
  let right = 0;
  population.labels.forEach((label, atom) => {
    const own = Array.from({ length: classes }, (_, c) => logits[(atom * classes + c) * stride]);
    if (own.indexOf(Math.max(...own)) === label) right += population.probabilities[atom];
  });
  return right;
}
