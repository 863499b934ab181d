import type { HeadCertificate } from '../../heads/certificate.ts';
import { certifyHeads } from '../../heads/certificate.ts';
import { growHeads } from '../../heads/growth.ts';
import type { HeadLaw } from '../../heads/head-law.ts';
import { encloseGap } from '../../heads/optimality/gap.ts';
import type { HeadProblem } from '../../heads/problem.ts';
import { searchFirstVariation } from '../../heads/search.ts';
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
    start: law,
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

/** The last word on a law, with a check of the search. */
export interface FinalCertificate extends HeadCertificate {
  /** How far a search that was given none of the law's heads stayed above the smallest Ψ found; ≥ 0. */
  readonly blindExcess: number;
  /** Boxes of the branch and bound behind `provedGap`; undefined where that is the search's crude bound. */
  readonly boxes: number | undefined;
}

/**
 * The last word on a law: a search blind to the law's heads, then one with twice the starts, all new, from the law's
 * heads and what the blind one found; both polished longer. Where d ≤ 2 the infimum is enclosed besides.
 */
export function finalCertificate(
  problem: HeadProblem,
  configuration: HeadStudyConfiguration,
  law: HeadLaw,
): FinalCertificate {
  const { starts, iterations, boxes } = configuration.search;
  const polish = { iterations: 3 * iterations };
  const seed = configuration.seed + 1_000_003;
  const blind = searchFirstVariation(problem, problem.linearise(law), { starts, seed, polish });
  const certificate = certifyHeads(problem, law, {
    starts: 2 * starts,
    seed: seed + 1,
    polish,
    also: blind.minima,
  });
  const enclosed = encloseGap(problem, certificate, boxes);
  return {
    ...certificate,
    provedGap: Math.min(certificate.provedGap, enclosed?.gap ?? Number.POSITIVE_INFINITY),
    boxes: enclosed?.enclosure.boxes,
    blindExcess: blind.infimum - certificate.infimum,
  };
}
