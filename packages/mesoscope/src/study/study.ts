import type * as z from 'zod';
import type { DataSource } from '../claims/data-source.ts';
import type { Figure } from '../claims/figure.ts';
import type { Paper } from '../claims/papers.ts';
import type { Reference } from '../claims/reference.ts';
import type { ClaimOutcome } from '../claims/run.ts';
import type { Backend, FloatArray } from '../kernels/backend.ts';

export type { DataSource };

/** One paragraph, table or sample list of a report, in order. */
export type Section =
  | { readonly kind: 'text'; readonly title: string; readonly body: string }
  | {
      readonly kind: 'table';
      readonly title: string;
      readonly columns: readonly string[];
      readonly rows: readonly (readonly (string | number)[])[];
      readonly note?: string;
    }
  | { readonly kind: 'figure'; readonly figure: Figure }
  /** Figures shown one after the other in one place, over and over; each title says what is at that time. */
  | {
      readonly kind: 'animation';
      readonly title: string;
      readonly caption: string;
      readonly frames: readonly Figure[];
    };

/** What a study leaves behind, before it is written anywhere. */
export interface StudyResult {
  /** As `runClaim` and `runClaims` return them. */
  readonly claims: readonly ClaimOutcome[];
  /** Figures of claims are added by themselves; these are the study's own sections. */
  readonly sections: readonly Section[];
  /** Arrays for arrays.npz, by name. */
  readonly arrays: Readonly<
    Record<string, { readonly shape: readonly number[]; readonly data: FloatArray }>
  >;
  /** The few numbers a person looks for first: `held-out bits per character`. */
  readonly headline: Readonly<Record<string, number | string>>;
  /** `diverged` keeps what there is, with a sentence that says what to try. */
  readonly status: { readonly kind: 'completed' | 'diverged'; readonly message: string };
}

/** What one piece of a study's work is given. */
export interface PieceContext extends DataSource {
  readonly backend: Backend;
  /** Which piece: 0 … `pieces(configuration) − 1`. */
  readonly index: number;
  /** The results of the pieces that {@link Study.needs} names, in that order. */
  readonly needed: readonly unknown[];
  /** The share of the piece that is done, 0 … 1, in words. */
  progress(share: number, label?: string): void;
  /** One line of metrics.jsonl; also what live progress shows. */
  metric(record: Readonly<Record<string, number | string>>): void;
  /**
   * Called at points from which the piece can continue to the same result; await it. The host decides when `make` is
   * called and its state kept.
   *
   * @throws Interrupted after an interrupt, once the state is kept; let it pass
   */
  checkpoint(make: () => unknown): Promise<void>;
  /** The state to continue from, as it was kept. */
  readonly resume?: unknown;
}

/** The host wants a piece to stop; its last state is kept. Thrown through a study, which does not catch it. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/**
 * A configuration that can be run, as counted pieces: any of them on any thread or machine, each a pure function of
 * configuration, index and the pieces it needs. One schema serves file, command line and URL.
 */
export interface Study<Configuration = unknown, Piece = unknown> {
  /** `first-look`, `control/digits`. */
  readonly name: string;
  readonly title: string;
  /** One sentence for `mesoscope list`. */
  readonly description: string;
  /** Papers whose fields or problems the study uses, to be cited even where no claim of theirs is run. */
  readonly papers?: readonly Paper[];
  /** Works to cite besides. */
  readonly references?: readonly Reference[];
  /**
   * All fields have defaults: `schema.parse({})` is the preset. Objects are strict, so that a misspelt key is
   * refused. The root holds an integer `seed`.
   */
  readonly schema: z.ZodType<Configuration>;
  /** How many pieces. */
  pieces(configuration: Configuration): number;
  /** What a piece is called while it is computed: `rows of the diagram`. */
  label(configuration: Configuration, index: number): string;
  /** Earlier pieces whose results a piece is given; default none. */
  needs?(configuration: Configuration, index: number): readonly number[];
  /** Whether a piece shares its kernels out over all threads instead of leaving them to other pieces; default no. */
  wide?(configuration: Configuration, index: number): boolean;
  /** How long a piece takes beside the others, for the time that is left; default 1. */
  weight?(configuration: Configuration, index: number): number;
  /** One piece, with a result that is data: numbers, texts, lists, plain objects, typed arrays. */
  piece(configuration: Configuration, context: PieceContext): Piece | Promise<Piece>;
  /** A line worth showing when a piece has ended, such as a verdict; `pieces` are those that are there. */
  milestone?(
    configuration: Configuration,
    pieces: readonly (Piece | undefined)[],
    index: number,
  ): string | undefined;
  /** The result from all pieces, in their order. Arranges, and computes nothing that takes long. */
  finish(configuration: Configuration, pieces: readonly Piece[]): StudyResult;
}

/** Defines a study; the types of its pieces follow from its schema. */
export function study<Configuration, Piece>(
  definition: Study<Configuration, Piece>,
): Study<Configuration, Piece> {
  return definition;
}
