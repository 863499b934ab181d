import { type HeadLaw, headLaw } from '../../heads/head-law.ts';
import type { HeadProblem } from '../../heads/problem.ts';
import type { Checkpoint } from '../whole.ts';
import type { CloudFrame } from './cloud.ts';
import type { GrowthProgress, GrowthRecord } from './growth-stage.ts';
import type { FlowProgress } from './stages.ts';

/** What a study continues from: growth, and the flows begun, in increasing order of their numbers of heads. */
export interface HeadStudyProgress {
  readonly growth: GrowthProgress;
  readonly flows: readonly FlowProgress[];
  /** Of the largest number of heads. */
  readonly frames: readonly CloudFrame[];
}

/** Progress as a checkpoint. */
export function pack({ growth, flows, frames }: HeadStudyProgress): Checkpoint {
  const arrays: Record<string, Float64Array> = {};
  if (growth.law !== undefined) {
    arrays['growth.heads'] = growth.law.parameters;
    arrays['growth.weights'] = growth.law.weights;
  }
  flows.forEach(({ law }) => {
    arrays[`flow.${law.count}`] = law.parameters;
  });
  frames.forEach(({ law, psi }, i) => {
    arrays[`frame.${i}`] = law.parameters;
    arrays[`frame.${i}.psi`] = psi;
  });
  return {
    meta: {
      frames: JSON.stringify(frames.map(({ title }) => title)),
      growth: JSON.stringify({ records: growth.records, done: growth.done }),
      flows: JSON.stringify(flows.map((flow) => ({ ...flow, law: flow.law.count }))),
    },
    arrays,
  };
}

/** The progress in a checkpoint; without one, the beginning. */
export function unpack(
  { shape }: HeadProblem,
  checkpoint: Checkpoint | undefined,
): HeadStudyProgress {
  if (checkpoint === undefined) {
    return { growth: { law: undefined, records: [], done: false }, flows: [], frames: [] };
  }
  const { meta, arrays } = checkpoint;
  const law = (heads: string, weights?: string): HeadLaw =>
    headLaw(
      shape,
      Float64Array.from(arrays[heads]),
      weights === undefined ? undefined : arrays[weights],
    );
  const grown = JSON.parse(String(meta.growth)) as { records: GrowthRecord[]; done: boolean };
  const flows = JSON.parse(String(meta.flows)) as (Omit<FlowProgress, 'law'> & { law: number })[];
  return {
    growth: {
      ...grown,
      law: arrays['growth.heads'] && law('growth.heads', 'growth.weights'),
    },
    flows: flows.map((flow) => ({ ...flow, law: law(`flow.${flow.law}`) })),
    frames: (JSON.parse(String(meta.frames)) as string[]).map((title, i) => ({
      title,
      law: law(`frame.${i}`),
      psi: Float64Array.from(arrays[`frame.${i}.psi`]),
    })),
  };
}
