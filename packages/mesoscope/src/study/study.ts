import type { z } from 'zod';
import type { Paper } from '../claims/papers.ts';
import type { Figure } from '../claims/figure.ts';
import type { Reference } from '../claims/reference.ts';
import type { ClaimOutcome } from '../claims/run.ts';
import type { LabelledImages } from '../control/images/images.ts';
import type { Backend, FloatArray } from '../kernels/backend.ts';

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
  readonly status: {
    readonly kind: 'completed' | 'diverged' | 'interrupted';
    readonly message: string;
  };
}

/** A state from which a study continues to the same final numbers. */
export interface Checkpoint {
  /** Small facts: stage, step. */
  readonly meta: Readonly<Record<string, number | string | readonly number[]>>;
  readonly arrays: Readonly<Record<string, FloatArray>>;
}

/** What one piece of a study's work is given. */
export interface PieceContext {
  readonly backend: Backend;
  /** The share of the piece that is done, 0 … 1. */
  progress(share: number): void;
}

/** Threads of the host on which pieces of the running study are computed ({@link Study.piece}). */
export interface PiecePool {
  /** How many pieces can be under way at once. */
  readonly size: number;
  /** @throws MesoscopeError what the piece throws */
  compute(index: number, progress: PieceContext['progress']): Promise<unknown>;
}

/** What a study is given by its host (command line, page, test). */
export interface StudyContext {
  readonly backend: Backend;
  /** Absent: pieces are computed one after the other, here. */
  readonly pool?: PiecePool;
  /** Text or data that the host can supply by name: `moby-dick`. @throws MesoscopeError `unknown-name` */
  corpus(name: string): Promise<string>;
  /** Images with classes that the host can supply by name: `mnist`. @throws MesoscopeError `unknown-name` */
  images(name: string): Promise<LabelledImages>;
  /** One line of metrics.jsonl; also what live progress shows. */
  metric(record: Readonly<Record<string, number | string>>): void;
  /** `done` of `total` work units in words. */
  progress(done: number, total: number, label: string): void;
  /**
   * Called at points from which the study can continue; await it, it also lets the host see an interrupt. The host
   * decides when to write, and writes at once if `signal` has aborted: check `signal` right after.
   * @throws MesoscopeError `file` when the disk is full; the last good checkpoint survives
   */
  checkpoint(make: () => Checkpoint): Promise<void>;
  /** Where to continue from. */
  readonly resume?: Checkpoint;
  /** After it aborts the study stops at the next safe point with status `interrupted`. */
  readonly signal?: AbortSignal;
}

/** A configuration that can be run. One schema serves file, command line and URL. */
export interface Study<Configuration = unknown> {
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
  /**
   * One of several independent pieces of the study's work, for a host with threads: a pure function of configuration and
   * index, with a result that `structuredClone` keeps whole.
   */
  piece?(configuration: Configuration, index: number, context: PieceContext): unknown;
  run(configuration: Configuration, context: StudyContext): Promise<StudyResult>;
}
