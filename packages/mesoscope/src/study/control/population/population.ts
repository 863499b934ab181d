import { type Claim, concludeClaim } from '../../../claims/claim.ts';
import { measureTrainedModel } from '../../../claims/control/trained-model.ts';
import { valueGap, valueGapConclusion } from '../../../claims/control/value-gap.ts';
import type { ClaimOutcome } from '../../../claims/run.ts';
import type { ControlModel } from '../../../control/control-model.ts';
import { describeSolution } from '../../../control/optimum/optimum.ts';
import { partOf } from '../../../control/parameters.ts';
import { controlPenalty } from '../../../control/penalty.ts';
import { populationBatch, populationEntropies } from '../../../control/population/index.ts';
import type { Study, StudyContext, StudyResult } from '../../study.ts';
import { certificateSection } from '../certificate-sections.ts';
import { populationOf, populationProblem } from './problem.ts';
import { type PopulationStudy, populationSchema } from './schema.ts';
import { comparisonSection, depthsSections, populationSection, valueFigure } from './sections.ts';
import { compareSolvers, type SolvedDepth, sampledObjectives, solveDepths } from './solutions.ts';

async function run(configuration: PopulationStudy, context: StudyContext): Promise<StudyResult> {
  const { backend } = context;
  const aborted = () => context.signal?.aborted === true;
  const { depths, comparison } = configuration;
  const read = populationOf(configuration);
  const { population } = read;
  const entropies = populationEntropies(population);
  const solved = await solveDepths(configuration, read, context);
  const compared = await compareSolvers(configuration, read, context);
  const arrays = Object.fromEntries(
    solved.map(({ layers, parameters }) => [
      `parameters.${layers}`,
      { shape: [parameters.length], data: parameters },
    ]),
  );
  const last = solved[solved.length - 1];
  const sections = [populationSection(population, entropies)];
  const interrupted = {
    ...{ claims: [], sections, arrays, headline: {} },
    status: { kind: 'interrupted', message: 'Not all depths were solved.' },
  } as const;
  if (aborted() || solved.length < depths.length) return interrupted;
  const problem = populationProblem(backend, configuration, read, last.layers);
  const parameters = backend.allocate(problem.layout.length);
  parameters.set(last.parameters);
  const probe = populationBatch(population);
  const measured = await measureTrainedModel({ problem, parameters, probe }, context);
  const model = { problem, parameters, batch: probe };
  const claims = [...(depths.length < leastDepths ? [] : [valueGapOf(model, solved)]), ...measured];
  if (aborted()) return interrupted;
  const sampled = sampledObjectives(configuration, read, solved, context);
  const { solution, certificate } = last;
  return {
    claims,
    sections: [
      ...sections,
      ...depthsSections(solved, sampled, entropies),
      { kind: 'figure', figure: valueFigure(solved, entropies) },
      certificateSection(solved, 'the whole population, exactly'),
      comparisonSection(compared, comparison),
    ],
    arrays,
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

function valueGapOf(model: ControlModel, solved: readonly SolvedDepth[]): ClaimOutcome {
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
  return {
    claim: valueGap as Claim,
    finding: concludeClaim({ conclude }, [], { given, seed: 0 }),
    seconds,
  };
}

/** A control problem whose data law is finite and known, solved at a range of depths by any solver. */
export const populationStudy: Study<PopulationStudy> = {
  name: 'control/population',
  title: 'A finite population: a control problem solved exactly over depth',
  description:
    'Classifies the words of a small alphabet, whose law is known exactly: solves the control problem at a range of depths, certifies the solutions, and compares the solvers.',
  papers: ['A'],
  schema: populationSchema,
  run,
};
