import { type FlowRefinement, flowRefinement } from '../../../checkpoint/depth/trained-flow.ts';
import { prolongParameters, type RefinementStage } from '../../../control/refinement.ts';
import { cosineRate } from '../../../control/solvers/index.ts';
import type { TrainingSchedule } from '../../../control/training.ts';
import { recordRows } from '../../../control/training-records.ts';
import { requireThat } from '../../../numeric/checks.ts';
import { evenStarts, sequencesAt } from '../../../task/text/index.ts';
import { type FinishedTraining, trainingPiece } from '../../control/training-piece.ts';
import { type PlannedContext, type PlannedPiece, plannedStudy } from '../../plan.ts';
import { type RefinementRace, refinementRaceSchema } from './schema.ts';
import { type Finish, raceHeadlines, raceReport } from './sections.ts';
import { raceSubject } from './subject.ts';

/** Doublings of the depth at which a finished stack is compared with its flow. */
const doublings = 5;

/** The pieces of one seed. */
interface SeedPieces {
  readonly seed: number;
  readonly shallow: PlannedPiece<FinishedTraining>;
  readonly refined: PlannedPiece<FinishedTraining>;
  readonly deep: PlannedPiece<FinishedTraining>;
  /** How far the two deep stacks are from their own flows; undefined where one diverged. */
  readonly flows: PlannedPiece<
    { readonly refined: FlowRefinement; readonly deep: FlowRefinement } | undefined
  >;
}

function plan(race: RefinementRace): SeedPieces[] {
  const { shallow, stages, dimension, heads } = race;
  requireThat(
    stages[0].layers === 2 * shallow.layers,
    'stages[0].layers',
    stages[0].layers,
    `${2 * shallow.layers}, twice the layers of the shallow stack`,
  );
  requireThat(dimension % heads === 0, 'dimension', dimension, `a multiple of the ${heads} heads`);
  return Array.from({ length: race.seeds }, (_, i) => seedPieces(race, race.seed + i));
}

function seedPieces(race: RefinementRace, seed: number): SeedPieces {
  const { shallow: first, stages, deepSteps } = race;
  const finest = stages[stages.length - 1].layers;
  const about = (name: string, own: readonly RefinementStage[]) => ({
    label: `seed ${seed}, ${name}`,
    stages: own,
    keep: 'last depth' as const,
    subject: (context: PlannedContext) => raceSubject(context, race),
  });
  const schedule = (own: readonly RefinementStage[]): TrainingSchedule => ({
    seed,
    stages: own,
    reportEvery: race.reportEvery,
    rate: rateOf(race, own),
  });
  const fromScratch = (name: string, own: readonly RefinementStage[]) =>
    trainingPiece({ ...about(name, own), schedule: () => schedule(own) });
  const shallow = fromScratch('shallow stack', [first]);
  const { compute, ...fineTuning } = trainingPiece({
    ...about('refined', stages),
    needs: [shallow],
    schedule: (context, subject) => ({
      ...schedule(stages),
      start: context.backend.scoped(() => {
        const { layout, grid } = subject.problem(first.layers);
        const [model] = context.resultOf(shallow).models;
        return prolongParameters(layout, grid, model, 'repeat');
      }),
    }),
  });
  const refined: PlannedPiece<FinishedTraining> = {
    ...fineTuning,
    compute(context) {
      const before = context.resultOf(shallow);
      return before.models.length === 0 ? { ...before, records: [] } : compute(context);
    },
  };
  const deep = fromScratch('deep stack, random start', [{ layers: finest, steps: deepSteps }]);
  return {
    seed,
    shallow,
    refined,
    deep,
    flows: {
      label: `seed ${seed}, distance to the flow`,
      needs: [refined, deep],
      weight: 20 * finest,
      compute: (context) => flowsOf(context, race, [refined, deep]),
    },
  };
}

async function flowsOf(
  context: PlannedContext,
  race: RefinementRace,
  pieces: readonly [PlannedPiece<FinishedTraining>, PlannedPiece<FinishedTraining>],
) {
  const models = pieces.flatMap((piece) => context.resultOf(piece).models);
  if (models.length < pieces.length) return undefined;
  const { stages, context: length } = race;
  const subject = await raceSubject(context, race);
  const [refined, deep] = models.map((model) =>
    context.backend.scoped(() => {
      const problem = subject.problem(stages[stages.length - 1].layers);
      const parameters = context.backend.allocate(problem.layout.length);
      parameters.set(model);
      const { validation } = subject.corpus;
      const starts = evenStarts(validation, length, problem.samples);
      const batch = sequencesAt(validation, starts, length);
      return flowRefinement({ problem, parameters, batch }, doublings);
    }),
  );
  return { refined, deep };
}

/** Warm-up, then a cosine down to a tenth over all steps of a training. */
function rateOf({ rate, warmUp }: RefinementRace, stages: readonly RefinementStage[]) {
  const steps = stages.reduce((sum, stage) => sum + stage.steps, 0);
  return cosineRate({ rate, warmUp: Math.min(warmUp, steps - 1), steps });
}

/** The way back from a trained shallow stack to a deep one (arXiv 2606.23235): refined and fine-tuned, against trained from scratch. */
export const refinementRace = plannedStudy<RefinementRace, SeedPieces[]>({
  name: 'checkpoint/refinement-race',
  title: 'A trained shallow stack, refined in depth',
  description:
    'Trains a shallow stack of GPT-2’s layers on a text, halves its steps, fine-tunes it, and compares loss against time with training the deep stack from a random start.',
  papers: ['A'],
  schema: refinementRaceSchema,
  plan,
  order: (seeds) =>
    seeds.flatMap(({ shallow, refined, deep, flows }) => [shallow, refined, deep, flows]),
  finish(race, seeds, resultOf) {
    const all = seeds.map(
      ({ seed, shallow, refined, deep, flows }): Finish => ({
        seed,
        shallow: resultOf(shallow).records,
        refined: resultOf(refined).records,
        deep: resultOf(deep).records,
        flows: resultOf(flows),
      }),
    );
    const diverged = seeds
      .flatMap(({ shallow, refined, deep }) => [shallow, refined, deep].map(resultOf))
      .find(({ status }) => status.kind === 'diverged');
    const sound = all.filter(({ flows }) => flows !== undefined);
    return {
      claims: [],
      sections: raceReport(race, sound),
      arrays: Object.fromEntries(
        sound.flatMap(({ seed, shallow, refined, deep }) => [
          [`seed ${seed}, shallow`, recordRows(shallow)],
          [`seed ${seed}, refined`, recordRows(refined)],
          [`seed ${seed}, deep`, recordRows(deep)],
        ]),
      ),
      headline: raceHeadlines(sound),
      status: diverged?.status ?? { kind: 'completed', message: 'All trainings are done.' },
    };
  },
});
