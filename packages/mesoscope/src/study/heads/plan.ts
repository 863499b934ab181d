import { branchFigure } from '../../claims/heads/dirac.ts';
import { followDirac } from '../../heads/dirac-branch.ts';
import { type HeadLaw, headLaw } from '../../heads/head-law.ts';
import { createHeadProblem, type HeadProblem } from '../../heads/problem.ts';
import type { SequenceData } from '../../heads/sequences.ts';
import type { PlannedContext, PlannedPiece } from '../plan.ts';
import type { StoredResult } from '../single-piece.ts';
import type { Section } from '../study.ts';
import type { CloudFrame } from './cloud.ts';
import { continueGrowth, finalCertificate, type GrowthProgress } from './growth-stage.ts';
import type { HeadStudyOutcome } from './outcome.ts';
import type { HeadStudyConfiguration } from './schema.ts';
import { headsInWords, sectionsOf } from './sections.ts';
import {
  continueFlow,
  type FixedRun,
  type FlowProgress,
  headCounts,
  reportSteps,
  startFlow,
  trainFixed,
} from './stages.ts';
import type { HeadTask } from './tasks.ts';

/** A flow that was followed to its end, with the frames of its cloud where they are shown. */
interface FollowedFlow {
  readonly flow: FlowProgress;
  readonly frames: readonly CloudFrame[];
}

/** The pieces of a study of heads. */
export interface HeadPlan {
  readonly growth: PlannedPiece<GrowthProgress>;
  /** One for each number of heads, in increasing order. */
  readonly flows: readonly PlannedPiece<FollowedFlow>[];
  readonly fixed: readonly PlannedPiece<FixedRun>[];
  /** The certificate, the stability of the single head, and the report. */
  readonly judgement: PlannedPiece<StoredResult>;
}

/** All pieces, none before one that it needs. */
export function headPieces({ growth, flows, fixed, judgement }: HeadPlan): PlannedPiece[] {
  return [growth, ...flows, ...fixed, judgement];
}

/**
 * Growth, the flow of each number of heads, fixed numbers of heads, and what is said of them in the end.
 *
 * @param taskIn - what is learned; made in the thread that needs it
 * @param report - the study's own result, from all that was found and the sections that studies of heads share
 */
export function planHeads<Configuration extends HeadStudyConfiguration>(
  configuration: Configuration,
  taskIn: (context: PlannedContext) => Promise<HeadTask>,
  report: (outcome: HeadStudyOutcome, task: HeadTask, sections: readonly Section[]) => StoredResult,
): HeadPlan {
  const problemIn = async (context: PlannedContext) => {
    const { regularisation, keyDimension, radius } = configuration;
    const options = { regularisation, keyDimension };
    const { training } = await taskIn(context);
    return createHeadProblem(
      context.backend,
      training,
      radius === undefined ? options : { ...options, radius },
    );
  };
  const growth: PlannedPiece<GrowthProgress> = {
    label: 'growing by the gap',
    weight: configuration.growth.rounds,
    async compute(context) {
      const problem = await problemIn(context);
      const { rounds } = configuration.growth;
      let grown = (context.resume as GrowthProgress | undefined) ?? {
        law: undefined,
        records: [],
        done: false,
      };
      while (!grown.done) {
        const round = grown.records.length;
        context.progress(round / (rounds + 1), `growing, ${headsInWords(grown.law?.count ?? 1)}`);
        grown = continueGrowth(problem, configuration, grown);
        context.metric({ stage: 'growth', ...grown.records[grown.records.length - 1] });
        const state = grown;
        await context.checkpoint(() => state);
      }
      return grown;
    },
  };
  const counts = headCounts(configuration);
  const flows = counts.map((heads) => ({
    label: `flow of ${headsInWords(heads)}`,
    weight: reportSteps(configuration).length,
    compute: async (context: PlannedContext) =>
      followFlow(await problemIn(context), configuration, heads, heads === counts.at(-1), context),
  }));
  const fixed = configuration.fixed.map((heads) => ({
    label: `${headsInWords(heads)} from a random start`,
    async compute(context: PlannedContext) {
      const run = trainFixed(await problemIn(context), configuration, heads);
      context.metric({ stage: 'fixed', heads, risk: run.risk, seconds: run.seconds });
      return run;
    },
  }));
  return {
    growth,
    flows,
    fixed,
    judgement: {
      label: 'last search',
      needs: [growth, ...flows, ...fixed],
      weight: 2,
      async compute(context) {
        const task = await taskIn(context);
        const problem = await problemIn(context);
        const followed = flows.map((piece) => context.resultOf<FollowedFlow>(piece));
        const grown = context.resultOf(growth);
        const lossOn = (data: SequenceData) => {
          const { keyDimension } = configuration;
          const unseen = createHeadProblem(context.backend, data, {
            regularisation: 0,
            keyDimension,
          });
          return (law: HeadLaw) => unseen.risk(law).crossEntropy;
        };
        const found: HeadStudyOutcome = {
          problem,
          growth: grown,
          flows: followed.map(({ flow }) => flow),
          fixed: fixed.map((piece) => context.resultOf<FixedRun>(piece)),
          frames: followed.at(-1)?.frames ?? [],
          heldOut: lossOn(task.heldOut),
          validation: task.validation && lossOn(task.validation),
          certificate: grown.law && finalCertificate(problem, configuration, grown.law),
        };
        const sections = [
          ...sectionsOf(found),
          ...singleHeadSections(context, configuration, task, found.fixed),
        ];
        return report(found, task, sections);
      },
    },
  };
}

/** Follows one flow from report to report; the cloud of the largest is kept as frames. */
async function followFlow(
  problem: HeadProblem,
  configuration: HeadStudyConfiguration,
  heads: number,
  shown: boolean,
  context: PlannedContext,
): Promise<FollowedFlow> {
  const resumed = context.resume as FollowedFlow | undefined;
  let flow = resumed?.flow ?? startFlow(problem, configuration, heads);
  const frames = [...(resumed?.frames ?? (shown ? [frameOf(problem, flow)] : []))];
  const { steps } = configuration.flow;
  while (flow.taken < steps) {
    flow = continueFlow(problem, configuration, flow);
    context.metric({ stage: 'flow', heads, ...flow.reports[flow.reports.length - 1] });
    context.progress(flow.taken / steps);
    if (shown) frames.push(frameOf(problem, flow));
    const state = { flow, frames: [...frames] };
    await context.checkpoint(() => state);
  }
  return { flow, frames };
}

/** Where the best single head is stable, and where it splits. */
function singleHeadSections(
  { backend }: PlannedContext,
  { bifurcation, keyDimension }: HeadStudyConfiguration,
  task: HeadTask,
  fixed: readonly FixedRun[],
): Section[] {
  const single = fixed.find(({ heads }) => heads === 1);
  if (single === undefined || bifurcation.length === 0) return [];
  const branch = backend.scoped(() =>
    followDirac(
      (regularisation) =>
        createHeadProblem(backend, task.training, { regularisation, keyDimension }),
      single.law.parameters,
      bifurcation.toSorted((a, b) => a - b),
    ),
  );
  return [{ kind: 'figure', figure: branchFigure('heads.bifurcation', branch) }];
}

function frameOf(problem: HeadProblem, { law, time }: FlowProgress): CloudFrame {
  const psi = problem.firstVariation(problem.linearise(law), law.parameters);
  const kept = headLaw(law.shape, law.parameters.slice(), law.weights);
  return { title: `t = ${time.toPrecision(3)}`, law: kept, psi };
}
