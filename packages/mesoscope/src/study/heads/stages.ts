import { certifyHeads } from '../../heads/certificate.ts';
import { type HeadFlowOptions, headFlow } from '../../heads/flow.ts';
import { descend } from '../../heads/growth.ts';
import { type HeadLaw, headLaw, headLength, randomHeads } from '../../heads/head-law.ts';
import type { HeadProblem } from '../../heads/problem.ts';
import { type RandomStream, randomStream } from '../../numeric/random.ts';
import type { HeadStudyConfiguration } from './schema.ts';

/** What is known at a report of the flow. */
export interface FlowReport {
  readonly steps: number;
  readonly time: number;
  readonly risk: number;
  /** `(∫|∇Ψ|²dρ)^{1/2}`. */
  readonly slope: number;
  /** Frank–Wolfe gap; at reports before the end only of the largest number of heads. */
  readonly gap?: number;
}

/** Everything that the flow carries from one report to the next. */
export interface FlowProgress {
  readonly law: HeadLaw;
  readonly step: number;
  readonly time: number;
  readonly taken: number;
  readonly reports: readonly FlowReport[];
}

/** Numbers of heads in increasing order, each once. */
export function headCounts({ heads }: HeadStudyConfiguration): number[] {
  return [...new Set(heads)].sort((a, b) => a - b);
}

/** The start of the flow: random heads, first report. */
export function startFlow(
  problem: HeadProblem,
  configuration: HeadStudyConfiguration,
  heads: number,
): FlowProgress {
  const random = randomStream(configuration.seed, 'heads at the start', heads);
  const law = startHeads(problem, heads, random);
  const before = { law, step: configuration.flow.step, time: 0, taken: 0, reports: [] };
  return { ...before, reports: [flowReport(problem, configuration, before)] };
}

/** Random heads; with a ball, all scaled so that the largest is inside. */
function startHeads(problem: HeadProblem, heads: number, random: RandomStream): HeadLaw {
  const law = randomHeads(problem.shape, heads, random, { score: 0.7, value: 0.7 });
  const P = headLength(problem.shape);
  const largest = law.parameters.reduce((most, _, j) => {
    return j % P === 0 ? Math.max(most, Math.hypot(...law.parameters.subarray(j, j + P))) : most;
  }, 0);
  const factor = Math.min(1, (0.9 * problem.radius) / largest);
  return headLaw(
    law.shape,
    law.parameters.map((x) => factor * x),
  );
}

/** Steps at which there is a report: 0 and then equal factors apart. */
export function reportSteps({ flow }: HeadStudyConfiguration): number[] {
  const ratio = Array.from({ length: flow.reports }, (_, i) => i / (flow.reports - 1));
  return [...new Set(ratio.map((r) => Math.round((flow.steps + 1) ** r) - 1))];
}

/**
 * Descent up to the next report. Where the risk rises the step is halved and the stretch begun anew; with one-sample
 * gradients or noise, where it may rise, only if it is no longer finite.
 */
export function continueFlow(
  problem: HeadProblem,
  configuration: HeadStudyConfiguration,
  from: FlowProgress,
): FlowProgress {
  const { flow } = configuration;
  const until = reportSteps(configuration).find((steps) => steps > from.taken) ?? from.taken;
  const steps = until - from.taken;
  const mayRise = flow.kind === 'one-sample' || flow.temperature > 0;
  for (let step = from.step; ; step /= 2) {
    let risk = Number.POSITIVE_INFINITY;
    let last: HeadLaw | undefined = from.law;
    for (const state of headFlow(
      problem,
      from.law,
      flowOptions(configuration, from, step, steps),
    )) {
      const isWorse = mayRise
        ? !Number.isFinite(state.risk)
        : Number.isFinite(risk) && !(state.risk <= risk + 1e-12 * Math.abs(risk));
      if (isWorse) {
        last = undefined;
        break;
      }
      risk = state.risk;
      last = state.law;
    }
    if (last === undefined && step > 1e-6) continue;
    const moved = {
      law: last ?? from.law,
      step,
      time: from.time + steps * step,
      taken: until,
      reports: from.reports,
    };
    return { ...moved, reports: [...from.reports, flowReport(problem, configuration, moved)] };
  }
}

/** A stretch of the flow; its random numbers depend on seed, N and the steps taken, so that it can be begun anew. */
function flowOptions(
  { flow, seed }: HeadStudyConfiguration,
  { law, time, taken }: FlowProgress,
  step: number,
  steps: number,
): HeadFlowOptions {
  const { kind, temperature, schedule } = flow;
  const random = (purpose: string) => randomStream(seed, `${purpose}, ${law.count} heads`, taken);
  return {
    step,
    steps,
    schedule: (t) => (1 + (time + t) / schedule.time) ** -schedule.power,
    ...(kind === 'one-sample' ? { draw: random('sequences drawn') } : {}),
    ...(temperature > 0 ? { noise: { temperature, random: random('Langevin noise') } } : {}),
  };
}

function flowReport(
  problem: HeadProblem,
  configuration: HeadStudyConfiguration,
  { law, time, taken }: FlowProgress,
): FlowReport {
  const [{ risk, slopeSquare }] = headFlow(problem, law, { step: 1, steps: 0 });
  const report = { steps: taken, time, risk, slope: Math.sqrt(slopeSquare) };
  const isFollowed = law.count === Math.max(...configuration.heads);
  if (!isFollowed && taken < configuration.flow.steps) return report;
  return { ...report, gap: certifyHeads(problem, law, searchOptions(configuration)).gap };
}

/** How a study searches for inf Ψ. */
export function searchOptions({ search, seed }: HeadStudyConfiguration) {
  return { starts: search.starts, seed, polish: { iterations: search.iterations } };
}

/** A fixed number of heads trained from a random start. */
export interface FixedRun {
  readonly heads: number;
  readonly risk: number;
  readonly law: HeadLaw;
  readonly seconds: number;
}

/** L-BFGS on N heads of equal weight, from random heads; a single head gets the best of four starts. */
export function trainFixed(
  problem: HeadProblem,
  { seed, growth }: HeadStudyConfiguration,
  heads: number,
): FixedRun {
  const begin = performance.now();
  const starts = heads === 1 ? 4 : 1;
  const runs = Array.from({ length: starts }, (_, index) => {
    const random = randomStream(seed, `start with ${heads} heads`, index);
    const law = descend(problem, startHeads(problem, heads, random), 6 * growth.descent);
    return { law, risk: problem.risk(law).risk };
  });
  const best = runs.reduce((a, b) => (b.risk < a.risk ? b : a));
  return { heads, ...best, seconds: (performance.now() - begin) / 1000 };
}
