import type { Backend } from '../kernels/backend.ts';
import type { Interval } from '../numeric/fit.ts';
import type { Check, Condition } from './check.ts';
import type { DataSource } from './data-source.ts';
import type { Figure } from './figure.ts';
import type { Given } from './given.ts';
import type { Reference } from './reference.ts';
import { drawVerdict, type Grounds, type Verdict } from './verdict.ts';

/** A number, a list, a matrix, or named columns of equal length. */
export type Evidence =
  | number
  | string
  | readonly number[]
  | readonly (readonly number[])[]
  | { readonly [column: string]: readonly number[] };

/** What a claim concludes from its measurements. It draws no verdict: that follows from hypotheses, resolution and checks. */
export interface Conclusion extends Grounds {
  /** Everything that was measured, by name; names are dotted (`gradient.relativeError`). */
  readonly evidence: Readonly<Record<string, Evidence>>;
  /** One sentence: what was seen, whatever the verdict. */
  readonly summary: string;
  readonly figures: readonly Figure[];
}

/** What one run of a claim found. */
export interface Finding {
  /** The theorem's hypotheses, as met on this instance. */
  readonly assumptions: readonly Condition[];
  readonly resolution: readonly Condition[];
  readonly checks: readonly Check[];
  readonly evidence: Conclusion['evidence'];
  readonly verdict: Verdict;
  /** What was seen; where the verdict is not *holds*, why, first. */
  readonly summary: string;
  readonly figures: readonly Figure[];
  /** The instance that ran, with its defaults. */
  readonly given: unknown;
}

/** What the measurement of one piece is given. */
export interface MeasureContext<G> {
  readonly backend: Backend;
  /** Texts and trained models that the instance names. */
  readonly data: DataSource;
  readonly given: G;
  readonly seed: number;
  /** Which of the pieces: 0 … `pieces(given) − 1`. */
  readonly index: number;
  /** The share of the piece that is done, 0 … 1; a piece that works longer than a second calls it, and is interrupted there. */
  progress(share: number): void | Promise<void>;
}

/** How far a part of a statement can be trusted. P: the paper's abstract; S: the standard form; D: derived for this project. */
export type Trust = 'P' | 'S' | 'D';

/** A theorem that can be run: given → measure → conclude. */
export interface ClaimDefinition<G, M> {
  /** As in the list of claims: `A.euler-order`. */
  readonly id: string;
  readonly title: string;
  /** TeX, for a page; may hold `$…$`. */
  readonly statement: string;
  /** Of the statement, and of parts of it by name: `{ statement: 'P', rate: 'D' }`. */
  readonly trust: { readonly statement: Trust; readonly [part: string]: Trust };
  /** Works to cite besides the paper. */
  readonly references?: readonly Reference[];
  readonly given: Given<G>;
  /**
   * One piece of the measurement: a pure function of `given`, `seed` and `index`, on any thread, whose result
   * `structuredClone` keeps whole.
   */
  measure(context: MeasureContext<G>): M | Promise<M>;
  /** What the pieces, in their order, say about the statement. */
  conclude(
    measured: readonly M[],
    context: { readonly given: G; readonly seed: number },
  ): Conclusion;
}

/** A theorem that can be run: what {@link claim} makes of a definition. */
export interface Claim<G = unknown, M = unknown> extends ClaimDefinition<G, M> {
  /** The letter before the dot of its id: one of the papers, or a group of one's own. */
  readonly paper: string;
}

/** Defines a claim. Its paper is the first letter of its id. */
export function claim<G, M>(definition: ClaimDefinition<G, M>): Claim<G, M> {
  return { ...definition, paper: definition.id.split('.')[0] };
}

/** The finding from all pieces of a claim's measurement, with the verdict that they imply. */
export function concludeClaim<G, M>(
  { conclude }: Pick<ClaimDefinition<G, M>, 'conclude'>,
  measured: readonly M[],
  context: { readonly given: G; readonly seed: number },
): Finding {
  const { hypotheses, resolution, checks, evidence, summary, figures } = conclude(
    measured,
    context,
  );
  const { verdict, reasons } = drawVerdict({ hypotheses, resolution, checks });
  return {
    assumptions: hypotheses,
    resolution,
    checks,
    evidence,
    verdict,
    summary: reasons.length === 0 ? summary : `${lead[verdict]}: ${reasons.join('; ')}. ${summary}`,
    figures,
    given: context.given,
  };
}

const lead: Readonly<Record<Verdict, string>> = {
  holds: 'Holds',
  fails: 'Contradicted',
  outside: 'Outside the hypotheses',
  undecided: 'Undecided',
};

/** What leads the table: the first check's numbers; nothing was compared where there is none. */
export function leadingCheck({ checks }: Finding): {
  readonly measured: number;
  readonly interval: Interval | null;
  readonly check: Check | undefined;
} {
  const [check] = checks;
  return { measured: check?.measured ?? Number.NaN, interval: check?.interval ?? null, check };
}
