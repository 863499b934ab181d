import type { HeadCertificate } from '../../heads/certificate.ts';
import { certifyHeads } from '../../heads/certificate.ts';
import { growHeads } from '../../heads/growth.ts';
import type { HeadLaw } from '../../heads/head-law.ts';
import type { HeadProblem } from '../../heads/problem.ts';
import type { HeadStudyConfiguration } from './schema.ts';
import { searchOptions } from './stages.ts';

/** A round of growth. */
export interface GrowthRecord {
  readonly round: number;
  readonly heads: number;
  readonly risk: number;
  readonly gap: number;
  /** Since growth began, certificates included. */
  readonly seconds: number;
}

/** Everything that growth carries from one round to the next. */
export interface GrowthProgress {
  readonly law: HeadLaw | undefined;
  readonly records: readonly GrowthRecord[];
  readonly certificate?: HeadCertificate;
  readonly done: boolean;
}

/** One round of growth after what there is: the law improved and certified. */
export function continueGrowth(
  problem: HeadProblem,
  configuration: HeadStudyConfiguration,
  { law, records }: GrowthProgress,
): GrowthProgress {
  const { growth } = configuration;
  const begin = performance.now();
  const before = records[records.length - 1];
  const states = growHeads(problem, {
    rounds: law === undefined ? 0 : 1,
    tolerance: growth.tolerance,
    descent: growth.descent,
    search: { ...searchOptions(configuration), seed: configuration.seed + records.length },
    ...(law === undefined ? {} : { start: law }),
  });
  const all = [...states];
  const last = all[all.length - 1];
  const round = before === undefined ? 0 : before.round + all.length - 1;
  const record = {
    round,
    heads: last.law.count,
    risk: last.certificate.risk,
    gap: last.certificate.gap,
    seconds: (before?.seconds ?? 0) + (performance.now() - begin) / 1000,
  };
  return {
    law: last.law,
    records: all.length === 1 && law !== undefined ? records : [...records, record],
    certificate: last.certificate,
    done: last.certificate.gap <= growth.tolerance || round >= growth.rounds,
  };
}

/** The last word on a law: a search with twice the starts, all new, polished longer. */
export function finalCertificate(
  problem: HeadProblem,
  configuration: HeadStudyConfiguration,
  law: HeadLaw,
): HeadCertificate {
  const { starts, iterations } = configuration.search;
  return certifyHeads(problem, law, {
    starts: 2 * starts,
    seed: configuration.seed + 1_000_003,
    polish: { iterations: 3 * iterations },
  });
}
