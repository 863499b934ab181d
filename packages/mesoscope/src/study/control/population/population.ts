import { concludeClaim } from '../../../claims/claim.ts';
import { measureTrainedClaim, trainedClaims } from '../../../claims/control/trained-model.ts';
import { valueGap, valueGapConclusion } from '../../../claims/control/value-gap.ts';
import { restoredOutcome, type StoredOutcome } from '../../../claims/stored-outcome.ts';
import type { ControlModel } from '../../../control/control-model.ts';
import { describeSolution } from '../../../control/optimum/optimum.ts';
import { partOf } from '../../../control/parameters.ts';
import { controlPenalty } from '../../../control/penalty.ts';
import { type ControlSolution, controlSolvers } from '../../../control/solvers/index.ts';
import { populationBatch, populationEntropies } from '../../../task/population/index.ts';
import { type PlannedPiece, plannedStudy } from '../../plan.ts';
import type { StudyResult } from '../../study.ts';
import { certificateSection } from '../certificate-sections.ts';
import { populationOf, populationProblem } from './problem.ts';
import { type PopulationStudy, populationSchema } from './schema.ts';
import { comparisonSection, depthsSections, populationSection, valueFigure } from './sections.ts';
import { type SolvedDepth, sampledObjectives, solveBy, solveDepths } from './solutions.ts';

/** What a solver came to, or why it cannot work on the problem. */
interface ComparedSolver {
  readonly solver: string;
  readonly found: ControlSolution | string;
}

/** What is said of the finest solution. */
interface Judged {
  readonly claims: readonly StoredOutcome[];
  /** J of the finest solution sampled at each depth. */
  readonly sampled: readonly number[];
}

interface PopulationPlan {
  readonly solved: PlannedPiece<readonly SolvedDepth[]>;
  readonly compared: readonly PlannedPiece<ComparedSolver>[];
  readonly judged: PlannedPiece<Judged>;
}

function plan(configuration: PopulationStudy): PopulationPlan {
  const read = populationOf(configuration);
  const solved: PopulationPlan['solved'] = {
    label: 'solving',
    weight: configuration.depths.length,
    compute: (context) => solveDepths(configuration, read, context),
  };
  return {
    solved,
    compared: controlSolvers.map((solver) => ({
      label: `comparing solvers: ${solver}`,
      compute: async (context) => ({
        solver,
        found: await solveBy(solver, configuration, read, context),
      }),
    })),
    judged: {
      label: 'measuring claims',
      needs: [solved],
      weight: 2,
      async compute(context) {
        const depths = context.resultOf(solved);
        const { layers, parameters: found } = depths[depths.length - 1];
        const problem = populationProblem(context.backend, configuration, read, layers);
        const parameters = context.backend.allocate(problem.layout.length);
        parameters.set(found);
        const model = { problem, parameters, probe: populationBatch(read.population) };
        const solution = { problem, parameters, batch: model.probe };
        const gap = depths.length < leastDepths ? [] : [valueGapOf(solution, depths)];
        const measured = trainedClaims.map((claim) => measureTrainedClaim(claim, model));
        return {
          claims: [...gap, ...measured],
          sampled: sampledObjectives(configuration, read, depths, context),
        };
      },
    },
  };
}

function finish(
  configuration: PopulationStudy,
  planned: PopulationPlan,
  resultOf: <Result>(piece: PlannedPiece<Result>) => Result,
): StudyResult {
  const { population } = populationOf(configuration);
  const entropies = populationEntropies(population);
  const solved = resultOf(planned.solved);
  const { claims, sampled } = resultOf(planned.judged);
  const last = solved[solved.length - 1];
  const { solution, certificate } = last;
  return {
    claims: claims.map((one) => restoredOutcome(one)),
    sections: [
      populationSection(population, entropies),
      ...depthsSections(solved, sampled, entropies),
      { kind: 'figure', figure: valueFigure(solved, entropies) },
      certificateSection(solved, 'the whole population, exactly', configuration.smoothness > 0),
      comparisonSection(planned.compared.map(resultOf), configuration.comparison),
    ],
    arrays: Object.fromEntries(
      solved.map(({ layers, parameters }) => [
        `parameters.${layers}`,
        { shape: [parameters.length], data: parameters },
      ]),
    ),
    headline: {
      [`value at ${last.layers} layers`]: solution.objective,
      risk: solution.loss,
      'least possible risk': entropies.bayesRisk,
      'risk of the best constant': entropies.constantRisk,
      accuracy: last.accuracy,
      certificate: certificate.kind,
    },
    status: { kind: 'completed', message: certificate.reason },
  };
}

/** Depths that the claim about optimal values needs. */
const leastDepths = 5;

function valueGapOf(model: ControlModel, solved: readonly SolvedDepth[]): StoredOutcome {
  const { layout, grid, penalty } = model.problem;
  const row = solved.map(({ layers, solution, certificate }) => ({
    layers,
    objective: solution.objective,
    residual: solution.residual,
    gradients: solution.layerGradients / layers,
    jump: certificate.largestJump,
  }));
  const nodes = partOf(layout, model.parameters, 'controls');
  const found = {
    depths: row,
    size: controlPenalty(nodes, grid, { ...penalty, regularisation: 2, smoothness: 0 }),
    quality: describeSolution(model, solved[solved.length - 1]),
  };
  const seconds = solved.reduce((sum, { solution }) => sum + solution.seconds, 0);
  const given = 'the problem solved in this run';
  const conclude = () => valueGapConclusion([found], penalty);
  return { id: valueGap.id, finding: concludeClaim({ conclude }, [], { given, seed: 0 }), seconds };
}

/** A control problem whose data law is finite and known, solved at a range of depths by any solver. */
export const populationStudy = plannedStudy<PopulationStudy, PopulationPlan>({
  name: 'control/population',
  title: 'A finite population: a control problem solved exactly over depth',
  description:
    'Classifies the words of a small alphabet, whose law is known exactly: solves the control problem at a range of depths, certifies the solutions, and compares the solvers.',
  papers: ['A'],
  schema: populationSchema,
  plan,
  order: ({ solved, compared, judged }) => [solved, ...compared, judged],
  finish,
});
