import { branchFigure, followDirac } from '../../claims/heads/bifurcation.ts';
import type { HeadCertificate } from '../../heads/certificate.ts';
import { type HeadLaw, headLaw } from '../../heads/head-law.ts';
import { createHeadProblem, type HeadProblem } from '../../heads/problem.ts';
import type { Checkpoint, Section, StudyContext, StudyResult } from '../study.ts';
import { type CloudFrame, cloudFigures } from './cloud.ts';
import {
  continueGrowth,
  finalCertificate,
  type GrowthProgress,
  type GrowthRecord,
} from './growth-stage.ts';
import type { HeadStudyConfiguration } from './schema.ts';
import { comparisonFigures, flowFigure, growthFigure } from './sections.ts';
import { continueFlow, type FixedRun, type FlowProgress, startFlow, trainFixed } from './stages.ts';
import type { HeadTask } from './tasks.ts';

/** What a study has when it ends, or is interrupted. */
export interface HeadStudyOutcome {
  readonly problem: HeadProblem;
  readonly flow: FlowProgress;
  readonly growth: GrowthProgress;
  readonly fixed: readonly FixedRun[];
  readonly frames: readonly CloudFrame[];
  readonly certificate?: HeadCertificate;
  /** Cross-entropy on sequences that training never saw, in nats. */
  readonly heldOut: (law: HeadLaw) => number;
}

/** Growth, then the flow of a fixed cloud, then fixed numbers of heads, then the certificate and the single head. */
export async function runHeadStudy(
  configuration: HeadStudyConfiguration,
  task: HeadTask,
  context: StudyContext,
): Promise<{
  readonly outcome: HeadStudyOutcome;
  readonly sections: Section[];
  readonly interrupted: boolean;
}> {
  const { backend } = context;
  const { regularisation, keyDimension } = configuration;
  const problem = createHeadProblem(backend, task.training, { regularisation, keyDimension });
  const test = createHeadProblem(backend, task.heldOut, { regularisation: 0, keyDimension });
  const stages =
    configuration.growth.rounds + configuration.flow.reports + configuration.fixed.length + 2;
  let done = 0;
  const advance = (label: string) => context.progress(done++, stages, label);
  const isAborted = () => context.signal?.aborted === true;

  let { growth, flow } = resume(problem, context.resume);
  const save = () => context.checkpoint(() => pack(growth, flow));
  while (!growth.done && !isAborted()) {
    advance(`growing, ${growth.law?.count ?? 1} heads`);
    growth = continueGrowth(problem, configuration, growth);
    const record = growth.records[growth.records.length - 1];
    context.metric({ stage: 'growth', ...record });
    await save();
  }
  const frames: CloudFrame[] = [];
  let cloud = flow ?? startFlow(problem, configuration);
  const keepFrame = () => {
    const psi = problem.firstVariation(problem.linearise(cloud.law), cloud.law.parameters);
    const parameters = cloud.law.parameters.slice();
    const law = headLaw(cloud.law.shape, parameters, cloud.law.weights);
    frames.push({ title: `t = ${cloud.time.toPrecision(3)}`, law, psi });
  };
  keepFrame();
  while (cloud.taken < configuration.flow.steps && !isAborted()) {
    advance(`flow of ${configuration.heads} heads`);
    cloud = continueFlow(problem, configuration, cloud);
    flow = cloud;
    context.metric({ stage: 'flow', ...cloud.reports[cloud.reports.length - 1] });
    keepFrame();
    await save();
  }
  const fixed: FixedRun[] = [];
  for (const heads of configuration.fixed) {
    if (isAborted()) break;
    advance(`${heads} heads from a random start`);
    const run = trainFixed(problem, configuration, heads);
    fixed.push(run);
    context.metric({ stage: 'fixed', heads, risk: run.risk, seconds: run.seconds });
    await save();
  }
  const heldOut = (law: HeadLaw) => test.risk(law).crossEntropy;
  const outcome = { problem, flow: cloud, growth, fixed, frames, heldOut };
  if (isAborted() || growth.law === undefined) {
    return { outcome, sections: sectionsOf(outcome), interrupted: true };
  }
  advance('certificate');
  const certificate = finalCertificate(problem, configuration, growth.law);
  const certified = { ...outcome, certificate };
  const sections = sectionsOf(certified);
  const single = fixed.find(({ heads }) => heads === 1);
  if (single !== undefined && configuration.bifurcation.length > 0) {
    advance('stability of the single head');
    const branch = backend.scoped(() =>
      followDirac(
        (lambda) =>
          createHeadProblem(backend, task.training, { regularisation: lambda, keyDimension }),
        single.law.parameters,
        configuration.bifurcation.toSorted((a, b) => a - b),
      ),
    );
    sections.push({ kind: 'figure', figure: branchFigure('heads.bifurcation', branch) });
  }
  return { outcome: certified, sections, interrupted: false };
}

function sectionsOf({ growth, flow, fixed, frames, certificate }: HeadStudyOutcome): Section[] {
  const figures = [
    ...(growth.records.length > 1 ? [growthFigure(growth.records)] : []),
    ...(growth.records.length > 1 && fixed.length > 1
      ? comparisonFigures(growth.records, fixed)
      : []),
    ...(flow.reports.length > 1
      ? [flowFigure(flow.reports, growth.records.at(-1)?.risk ?? 0)]
      : []),
  ];
  return [
    ...(certificate === undefined ? [] : [certificateSection(certificate)]),
    ...figures.map((figure) => ({ kind: 'figure', figure }) as const),
    ...(frames.length > 1 ? [cloudSection(frames)] : []),
  ];
}

function cloudSection(frames: readonly CloudFrame[]): Section {
  const figures = cloudFigures('heads.cloud', frames);
  return {
    kind: 'animation',
    title: 'The cloud of heads over training',
    caption: figures[0].caption,
    frames: figures,
  };
}

function certificateSection({ risk, gap, provedGap, search }: HeadCertificate): Section {
  return {
    kind: 'text',
    title: 'Certificate',
    body: `The grown layer's risk ${risk.toFixed(6)} is within ${gap.toExponential(2)} of the global optimum over all laws of heads. ${search.sentence} With the proved bound alone: within ${provedGap.toPrecision(3)}.`,
  };
}

/** The sentence with which a study ends. */
export function certificateSentence({ gap, risk, search }: HeadCertificate): string {
  return `Within ${gap.toExponential(2)} of the global optimum (risk ${risk.toFixed(6)}; ${search.agreed} of ${search.starts} starts agree on the smallest Ψ).`;
}

/** Arrays of an outcome. */
export function arraysOf({ growth, flow, fixed }: HeadStudyOutcome): StudyResult['arrays'] {
  const law = growth.law;
  const columns = (name: string, rows: readonly (readonly number[])[]) => ({
    [name]: { shape: [rows.length, rows[0]?.length ?? 0], data: Float64Array.from(rows.flat()) },
  });
  return {
    ...(law === undefined
      ? {}
      : {
          'growth.heads': {
            shape: [law.count, law.parameters.length / law.count],
            data: law.parameters,
          },
          'growth.weights': { shape: [law.count], data: law.weights },
        }),
    'flow.heads': {
      shape: [flow.law.count, flow.law.parameters.length / flow.law.count],
      data: flow.law.parameters,
    },
    ...columns(
      'growth.records',
      growth.records.map(({ round, heads, risk, gap, seconds }) => [
        round,
        heads,
        risk,
        gap,
        seconds,
      ]),
    ),
    ...columns(
      'flow.reports',
      flow.reports.map(({ steps, time, risk, slope, gap }) => [steps, time, risk, slope, gap]),
    ),
    ...columns(
      'fixed.runs',
      fixed.map(({ heads, risk, seconds }) => [heads, risk, seconds]),
    ),
  };
}

function pack(growth: GrowthProgress, flow: FlowProgress | undefined): Checkpoint {
  const arrays: Record<string, Float64Array> = {};
  if (growth.law !== undefined) {
    arrays['growth.heads'] = growth.law.parameters;
    arrays['growth.weights'] = growth.law.weights;
  }
  if (flow !== undefined) arrays['flow.heads'] = flow.law.parameters;
  return {
    meta: {
      growth: JSON.stringify({ records: growth.records, done: growth.done }),
      flow: flow === undefined ? '' : JSON.stringify({ ...flow, law: undefined }),
    },
    arrays,
  };
}

function resume(
  problem: HeadProblem,
  checkpoint: Checkpoint | undefined,
): { growth: GrowthProgress; flow: FlowProgress | undefined } {
  if (checkpoint === undefined) {
    return { growth: { law: undefined, records: [], done: false }, flow: undefined };
  }
  const { meta, arrays } = checkpoint;
  const law = (heads: string, weights?: string) =>
    arrays[heads] === undefined
      ? undefined
      : headLaw(
          problem.shape,
          Float64Array.from(arrays[heads]),
          weights === undefined ? undefined : arrays[weights],
        );
  const grown = JSON.parse(String(meta.growth)) as { records: GrowthRecord[]; done: boolean };
  const cloud = law('flow.heads');
  const flow =
    cloud === undefined
      ? undefined
      : { ...(JSON.parse(String(meta.flow)) as Omit<FlowProgress, 'law'>), law: cloud };
  return { growth: { ...grown, law: law('growth.heads', 'growth.weights') }, flow };
}
