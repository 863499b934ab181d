import { branchFigure } from '../../claims/heads/dirac.ts';
import { followDirac } from '../../heads/dirac-branch.ts';
import { type HeadLaw, headLaw } from '../../heads/head-law.ts';
import { createHeadProblem, type HeadProblem } from '../../heads/problem.ts';
import type { SequenceData } from '../../heads/sequences.ts';
import type { Section, StudyContext } from '../study.ts';
import { pack, unpack } from './checkpoint.ts';
import type { CloudFrame } from './cloud.ts';
import { continueGrowth, finalCertificate } from './growth-stage.ts';
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

/** Growth, then the flow of each number of heads, then fixed numbers of heads, then the certificate and the single head. */
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
  const { regularisation, keyDimension, radius } = configuration;
  const problem = createHeadProblem(backend, task.training, {
    regularisation,
    keyDimension,
    ...(radius === undefined ? {} : { radius }),
  });
  const lossOn = (data: SequenceData) => {
    const unseen = createHeadProblem(backend, data, { regularisation: 0, keyDimension });
    return (law: HeadLaw) => unseen.risk(law).crossEntropy;
  };
  const heldOut = lossOn(task.heldOut);
  const validation = task.validation === undefined ? {} : { validation: lossOn(task.validation) };
  const counts = headCounts(configuration);
  const stages =
    configuration.growth.rounds +
    counts.length * (reportSteps(configuration).length - 1) +
    configuration.fixed.length +
    2;
  let done = 0;
  const advance = (label: string) => context.progress(done++, stages, label);
  const isAborted = () => context.signal?.aborted === true;

  const begun = unpack(problem, context.resume);
  let { growth } = begun;
  const flows = [...begun.flows];
  const frames = [...begun.frames];
  const save = () => context.checkpoint(() => pack({ growth, flows, frames }));
  while (!growth.done && !isAborted()) {
    advance(`growing, ${growth.law?.count ?? 1} heads`);
    growth = continueGrowth(problem, configuration, growth);
    const record = growth.records[growth.records.length - 1];
    context.metric({ stage: 'growth', ...record });
    await save();
  }
  for (const [i, heads] of counts.entries()) {
    if (isAborted()) break;
    let flow = flows[i] ?? startFlow(problem, configuration, heads);
    if (i === counts.length - 1 && frames.length === 0) frames.push(frameOf(problem, flow));
    while (flow.taken < configuration.flow.steps && !isAborted()) {
      advance(`flow of ${headsInWords(heads)}`);
      flow = continueFlow(problem, configuration, flow);
      flows[i] = flow;
      context.metric({ stage: 'flow', heads, ...flow.reports[flow.reports.length - 1] });
      if (i === counts.length - 1) frames.push(frameOf(problem, flow));
      await save();
    }
  }
  const fixed: FixedRun[] = [];
  for (const heads of configuration.fixed) {
    if (isAborted()) break;
    advance(`${headsInWords(heads)} from a random start`);
    const run = trainFixed(problem, configuration, heads);
    fixed.push(run);
    context.metric({ stage: 'fixed', heads, risk: run.risk, seconds: run.seconds });
    await save();
  }
  const outcome = { problem, flows, growth, fixed, frames, heldOut, ...validation };
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

function frameOf(problem: HeadProblem, { law, time }: FlowProgress): CloudFrame {
  const psi = problem.firstVariation(problem.linearise(law), law.parameters);
  const kept = headLaw(law.shape, law.parameters.slice(), law.weights);
  return { title: `t = ${time.toPrecision(3)}`, law: kept, psi };
}
