import type { HeadLaw } from '../../heads/head-law.ts';
import type { HeadProblem } from '../../heads/problem.ts';
import type { StudyResult } from '../study.ts';
import type { CloudFrame } from './cloud.ts';
import type { FinalCertificate, GrowthProgress } from './growth-stage.ts';
import type { FixedRun, FlowProgress } from './stages.ts';

/** What a study has when it ends. */
export interface HeadStudyOutcome {
  readonly problem: HeadProblem;
  /** One for each number of heads, in increasing order. */
  readonly flows: readonly FlowProgress[];
  readonly growth: GrowthProgress;
  readonly fixed: readonly FixedRun[];
  /** Of the flow with the largest number of heads. */
  readonly frames: readonly CloudFrame[];
  /** Undefined where growth did not begin. */
  readonly certificate: FinalCertificate | undefined;
  /** Cross-entropy on sequences that training never saw, in nats. */
  readonly heldOut: (law: HeadLaw) => number;
  /** The same on those that a preset may be chosen on; of no law where there are none. */
  readonly validation: ((law: HeadLaw) => number) | undefined;
}

/** Arrays of an outcome. */
export function arraysOf({ growth, flows, fixed }: HeadStudyOutcome): StudyResult['arrays'] {
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
    ...Object.fromEntries(
      flows.map(({ law: { count, parameters } }) => [
        `flow.heads.${count}`,
        { shape: [count, parameters.length / count], data: parameters },
      ]),
    ),
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
      flows.flatMap(({ law, reports }) =>
        reports.map(({ steps, time, risk, slope, gap = Number.NaN }) => [
          law.count,
          steps,
          time,
          risk,
          slope,
          gap,
        ]),
      ),
    ),
    ...columns(
      'fixed.runs',
      fixed.map(({ heads, risk, seconds }) => [heads, risk, seconds]),
    ),
  };
}
