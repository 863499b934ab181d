import type { z } from 'zod';
import type { Backend } from '../kernels/backend.ts';
import type { Figure } from './figure.ts';
import type { Reference } from './reference.ts';

export type Paper = 'A' | 'B' | 'C' | 'D';

/** The papers that the claims come from. */
export const papers: Readonly<
  Record<Paper, { readonly title: string; readonly authors: string; readonly arxiv: string }>
> = {
  A: {
    title:
      'A First-Order Mean Field Control Analysis of Transformer Layers under Cross-Entropy Training',
    authors: 'Huan and Yuan',
    arxiv: '2606.23235',
  },
  B: {
    title: 'A Mean-Field Analysis of Multi-Head Self-Attention under Cross-Entropy Training',
    authors: 'Huan and Yuan',
    arxiv: '2606.10469',
  },
  C: {
    title: 'Reachability and asymptotics of Gaussian Transformer dynamics',
    authors: 'Alcalde, Ji and Zuazua',
    arxiv: '2606.07600',
  },
  D: {
    title: 'Training Infinitely Deep and Wide Transformers',
    authors: 'Barboni, de Hoop, Furuya and Peyré',
    arxiv: '2605.17660',
  },
};

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

/** A theorem that can be run. */
export interface Claim<Instance = unknown> {
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
