import type { z } from 'zod';
import type { Claim, Finding } from '../claims/claim.ts';
import type { Figure } from '../claims/figure.ts';
import type { Backend, FloatArray } from '../kernels/backend.ts';

/** A finding together with the claim and the time it took. */
export interface ClaimResult {
  readonly claim: Claim;
  readonly finding: Finding;
  readonly seconds: number;
}

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
  | { readonly kind: 'figure'; readonly figure: Figure };

/** What a study leaves behind, before it is written anywhere. */
export interface StudyResult {
  readonly claims: readonly ClaimResult[];
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

/** What a study is given by its host (command line, page, test). */
export interface StudyContext {
  readonly backend: Backend;
  /** Text or data that the host can supply by name: `moby-dick`. @throws MesoscopeError `unknown-name` */
  corpus(name: string): Promise<string>;
  /** One line of metrics.jsonl; also what live progress shows. */
  metric(record: Readonly<Record<string, number | string>>): void;
  /** `done` of `total` work units in words. */
  progress(done: number, total: number, label: string): void;
  /** Called at points from which the study can continue. The host decides when to write. */
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
  /** All fields have defaults: `schema.parse({})` is the preset. */
  readonly schema: z.ZodType<Configuration>;
  run(configuration: Configuration, context: StudyContext): Promise<StudyResult>;
}
