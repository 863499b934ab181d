import type { Claim } from '../../../claims/claim.ts';
import { measureTrainedModel } from '../../../claims/control/trained-model.ts';
import { valueGap, valueGapFinding } from '../../../claims/control/value-gap.ts';
import { legacyFinding } from '../../../claims/legacy.ts';
import type { ClaimOutcome } from '../../../claims/run.ts';
import { populationBatch, populationEntropies } from '../../../control/population/index.ts';
import type { StudyContext, OldResult as StudyResult } from '../../whole.ts';
import { wholeStudy } from '../../whole.ts';
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
  const claims = [...(depths.length < leastDepths ? [] : [valueGapOf(solved)]), ...measured];
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

function valueGapOf(solved: readonly SolvedDepth[]): ClaimOutcome {
  const row = solved.map(({ layers, solution, certificate }) => ({
    layers,
    objective: solution.objective,
    residual: solution.residual,
    gradients: solution.layerGradients / layers,
    jump: certificate.largestJump,
  }));
  const seconds = solved.reduce((sum, { solution }) => sum + solution.seconds, 0);
  return { claim: valueGap as Claim, finding: legacyFinding(valueGapFinding([row])), seconds };
}

/** A control problem whose data law is finite and known, solved at a range of depths by any solver. */
export const populationStudy = wholeStudy<PopulationStudy>({
  name: 'control/population',
  title: 'A finite population: a control problem solved exactly over depth',
  description:
    'Classifies the words of a small alphabet, whose law is known exactly: solves the control problem at a range of depths, certifies the solutions, and compares the solvers.',
  papers: ['A'],
  schema: populationSchema,
  run,
});
