import type { z } from 'zod';
import { parseConfiguration } from '../configuration/parse.ts';
import type { Backend } from '../kernels/backend.ts';
import { judged } from './check.ts';
import {
  type Claim,
  type Conclusion,
  claim,
  concludeClaim,
  type Finding as NewFinding,
} from './claim.ts';
import type { Figure } from './figure.ts';
import type { Paper } from './papers.ts';
import type { Reference } from './reference.ts';

/** A hypothesis of a theorem, checked on the instance at hand. */
export interface Assumption {
  readonly name: string;
  readonly holds: boolean;
  /** What was measured to decide it. */
  readonly value: number | string;
}

/** A number, a list, a matrix, or named columns of equal length. */
export type Evidence =
  | number
  | string
  | readonly number[]
  | readonly (readonly number[])[]
  | { readonly [column: string]: readonly number[] };

/**
 * `holds`, `fails`, or `outside`: an assumption of the theorem does not hold here, so the measurement decides
 * nothing about it. The assumption is named in `assumptions`.
 */
export type Verdict = 'holds' | 'fails' | 'outside';

/** What one run of a claim found. */
export interface Finding {
  readonly assumptions: readonly Assumption[];
  /** Everything that was measured, by name; names are dotted (`gradient.relativeError`). */
  readonly evidence: Readonly<Record<string, Evidence>>;
  /** The one number that decides. */
  readonly measured: number;
  /** What the theory expects of it: a value, or a bound. */
  readonly expected: Expected;
  /** 95 % interval of `measured`; null where the number is exact to rounding. */
  readonly interval: readonly [low: number, high: number] | null;
  readonly verdict: Verdict;
  /** One sentence: what was seen; where the verdict is not `holds`, why. */
  readonly summary: string;
  readonly figures: readonly Figure[];
}

export type Expected =
  /** Equal to value: holds if the interval contains it (widened by `tolerance`, a stated bias bound, default 0). */
  | { readonly kind: 'value'; readonly value: number; readonly tolerance?: number }
  /** At most / at least: holds if the interval's side does not exceed it. */
  | { readonly kind: 'at-most'; readonly value: number }
  | { readonly kind: 'at-least'; readonly value: number };

export type Setting = 'quick' | 'full';

/** What a claim's experiment is given. */
export interface ClaimContext<Instance> {
  readonly backend: Backend;
  readonly seed: number;
  readonly setting: Setting;
  /** The user's explicit instance; undefined: the claim's own. */
  readonly instance?: Instance;
  /** Reports progress: `done` of `total`, in words. */
  progress(done: number, total: number, label: string): void;
  readonly signal?: AbortSignal;
}

/** A claim of the old form. */
export interface LegacyClaim<Instance = unknown> {
  /** As in the list of claims: `A.euler-order`. */
  readonly id: string;
  readonly paper: Paper;
  readonly title: string;
  /** TeX, for a page; may hold `$…$`. */
  readonly statement: string;
  /** How far the stated form can be trusted. P: the paper's abstract; S: the standard form; D: derived here. */
  readonly trust: string;
  /** The quantity that decides, for a table's heading: `log–log slope of the error`. */
  readonly quantity: string;
  /** Works to cite besides the paper. */
  readonly references?: readonly Reference[];
  /**
   * Checks an explicit instance; its descriptions are the documentation of `--config`. Objects are strict, so that a
   * misspelt key is refused.
   */
  readonly instance: z.ZodType<Instance>;
  run(context: ClaimContext<Instance>): Promise<Finding>;
}

/** The verdict that assumptions, interval and expectation imply. A measured NaN never holds. */
export function judge(
  assumptions: readonly Assumption[],
  measured: number,
  interval: readonly [number, number] | null,
  expected: Expected,
): Verdict {
  if (assumptions.some((assumption) => !assumption.holds)) return 'outside';
  if (Number.isNaN(measured)) return 'fails';
  const [low, high] = interval ?? [measured, measured];
  switch (expected.kind) {
    case 'value': {
      const tolerance = expected.tolerance ?? 0;
      return low - tolerance <= expected.value && expected.value <= high + tolerance
        ? 'holds'
        : 'fails';
    }
    case 'at-most':
      return high <= expected.value ? 'holds' : 'fails';
    case 'at-least':
      return low >= expected.value ? 'holds' : 'fails';
  }
}

interface LegacyGiven {
  readonly instance?: unknown;
  readonly setting: Setting;
}

/** A finding of the old form as a conclusion of the new one. Goes when the last claim is rewritten. */
export function legacyConclusion(finding: Finding): Conclusion {
  const { expected, verdict } = finding;
  const main = judged(
    'equals',
    expected.kind,
    {
      ...finding,
      name: 'measured',
      failsIf: 'unsaid',
      bias: expected.kind === 'value' ? (expected.tolerance ?? 0) : 0,
    },
    expected.value,
  );
  const hidden = judged(
    'equals',
    'value',
    {
      name: 'conditions of the old form',
      failsIf: 'unsaid',
      measured: verdict === 'fails' ? 1 : 0,
    },
    0,
  );
  return { ...finding, hypotheses: finding.assumptions, resolution: [], checks: [main, hidden] };
}

export function legacy<Instance>(old: LegacyClaim<Instance>): Claim<unknown, unknown> {
  return claim<LegacyGiven, Finding>({
    ...old,
    trust: { statement: old.trust.charAt(0) as 'P' },
    given: {
      schema: old.instance,
      data: [],
      label: old.title,
      parse: (input, setting) =>
        Object.keys(input as object).length === 0
          ? { setting }
          : { setting, instance: parseConfiguration(old.instance, input) },
      pieces: () => 1,
    },
    measure({ backend, given, seed, progress }) {
      const { setting, instance } = given;
      return old.run({
        backend,
        seed,
        setting,
        ...(instance === undefined ? {} : { instance: instance as Instance }),
        progress: (done, total) => progress(total > 0 ? done / total : 0),
      });
    },
    conclude: ([finding]) => legacyConclusion(finding),
  }) as Claim<unknown, unknown>;
}

/** A finding of the old form as one of the new, for callers that measured by themselves. */
export function legacyFinding(finding: Finding): NewFinding {
  const definition = { conclude: () => legacyConclusion(finding) };
  return concludeClaim(definition, [], { given: {}, seed: 0 });
}
