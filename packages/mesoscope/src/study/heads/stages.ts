import { certifyHeads } from '../../heads/certificate.ts';
import { headFlow } from '../../heads/flow.ts';
import { descend } from '../../heads/growth.ts';
import { type HeadLaw, randomHeads } from '../../heads/head-law.ts';
import type { HeadProblem } from '../../heads/problem.ts';
import { randomStream } from '../../numeric/random.ts';
import type { HeadStudyConfiguration } from './schema.ts';

/** What is known at a report of the flow. */
export interface FlowReport {
  readonly steps: number;
  readonly time: number;
  readonly risk: number;
  /** `(∫|∇Ψ|²dρ)^{1/2}`. */
  readonly slope: number;
  readonly gap: number;
}

/** Everything that the flow carries from one report to the next. */
export interface FlowProgress {
  readonly law: HeadLaw;
  readonly step: number;
  readonly time: number;
  readonly taken: number;
  readonly reports: readonly FlowReport[];
}

/** The start of the flow: random heads, first report. */
export function startFlow(
  problem: HeadProblem,
  configuration: HeadStudyConfiguration,
): FlowProgress {
  const random = randomStream(configuration.seed, 'heads at the start');
  const law = randomHeads(problem.shape, configuration.heads, random, { score: 0.7, value: 0.7 });
  const before = { law, step: configuration.flow.step, time: 0, taken: 0, reports: [] };
  return { ...before, reports: [flowReport(problem, configuration, before)] };
}

/** Steps at which the gap is computed: 0 and then equal factors apart. */
export function reportSteps({ flow }: HeadStudyConfiguration): number[] {
  const ratio = Array.from({ length: flow.reports }, (_, i) => i / (flow.reports - 1));
  return [...new Set(ratio.map((r) => Math.round((flow.steps + 1) ** r) - 1))];
}

/** Gradient descent up to the next report; where the risk rises the step is halved and the stretch begun anew. */
export function continueFlow(
  problem: HeadProblem,
  configuration: HeadStudyConfiguration,
  from: FlowProgress,
): FlowProgress {
  const until = reportSteps(configuration).find((steps) => steps > from.taken) ?? from.taken;
  const steps = until - from.taken;
  for (let step = from.step; ; step /= 2) {
    let risk = Number.POSITIVE_INFINITY;
    let last: HeadLaw | undefined = from.law;
    for (const state of headFlow(problem, from.law, { step, steps })) {
      const rises = !(state.risk <= risk + 1e-12 * Math.abs(risk));
      if (rises && Number.isFinite(risk)) {
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

function flowReport(
  problem: HeadProblem,
  configuration: HeadStudyConfiguration,
  { law, time, taken }: FlowProgress,
): FlowReport {
  const certificate = certifyHeads(problem, law, searchOptions(configuration));
  const [state] = headFlow(problem, law, { step: 1, steps: 0 });
  return {
    steps: taken,
    time,
    risk: state.risk,
    slope: Math.sqrt(state.slopeSquare),
    gap: certificate.gap,
  };
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
    const start = randomHeads(problem.shape, heads, random, { score: 0.7, value: 0.7 });
    const law = descend(problem, start, 6 * growth.descent);
    return { law, risk: problem.risk(law).risk };
  });
  const best = runs.reduce((a, b) => (b.risk < a.risk ? b : a));
  return { heads, ...best, seconds: (performance.now() - begin) / 1000 };
}
