import { restoredOutcome, type StoredOutcome, storedOutcome } from '../claims/stored-outcome.ts';
import { Interrupted, type PieceContext, type Study, type StudyResult } from './study.ts';

/** What a study of the old form was given. */
export interface StudyContext extends Omit<PieceContext, 'progress' | 'resume' | 'checkpoint'> {
  progress(done: number, total: number, label: string): void;
  checkpoint(make: () => Checkpoint): Promise<void>;
  readonly resume?: Checkpoint;
  readonly signal?: AbortSignal;
}

/** A state of the old form. */
export interface Checkpoint {
  readonly meta: Readonly<Record<string, number | string | readonly number[]>>;
  readonly arrays: Readonly<Record<string, Float64Array | Float32Array>>;
}

export interface OldResult extends Omit<StudyResult, 'status'> {
  readonly status: {
    readonly kind: StudyResult['status']['kind'] | 'interrupted';
    readonly message: string;
  };
}

type Whole = Omit<OldResult, 'claims'> & { readonly claims: readonly StoredOutcome[] };

/** A study of the old form as one piece. Goes when the last one is rewritten. */
export function wholeStudy<Configuration>(
  study: Pick<
    Study<Configuration>,
    'name' | 'title' | 'description' | 'papers' | 'references' | 'schema'
  > & {
    run(configuration: Configuration, context: StudyContext): Promise<OldResult>;
  },
): Study<Configuration, Whole> {
  const { run, ...about } = study;
  return {
    ...about,
    pieces: () => 1,
    label: () => study.title,
    wide: () => true,
    async piece(configuration, context) {
      const abort = new AbortController();
      const { resume, ...rest } = context;
      const old: StudyContext = {
        ...rest,
        progress: (done, total, label) => context.progress(total > 0 ? done / total : 0, label),
        checkpoint: (make) => context.checkpoint(make),
        signal: abort.signal,
      };
      const result = await run(
        configuration,
        resume === undefined ? old : { ...old, resume: resume as Checkpoint },
      );
      if (result.status.kind === 'interrupted') throw new Interrupted(result.status.message);
      return { ...result, claims: result.claims.map(storedOutcome) };
    },
    finish(_, [whole]) {
      const claims = whole.claims.map((one) => restoredOutcome(one));
      return { ...whole, claims } as StudyResult;
    },
  };
}
