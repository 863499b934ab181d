import { dataSource } from '../claims/data-source.ts';
import type { Backend } from '../kernels/backend.ts';
import { computePiece } from './piece-context.ts';
import { computePieces, type KeptPiece } from './pieces.ts';
import type { DataSource, Study, StudyResult } from './study.ts';

/** How a study is run on this thread: a page, a test, a script. */
export interface RunHereOptions extends Partial<DataSource> {
  readonly backend: Backend;
  readonly signal?: AbortSignal;
  /** Pieces of an earlier sitting, by index; filled while the study runs. */
  readonly kept?: Map<number, KeptPiece>;
  progress?(share: number, label: string): void;
  metric?(record: Readonly<Record<string, number | string>>): void;
}

/**
 * Runs a study on this thread.
 *
 * @returns undefined after an abort; `kept` then holds what was done
 */
export async function runStudy<Configuration, Piece>(
  study: Study<Configuration, Piece>,
  configuration: Configuration,
  options: RunHereOptions,
): Promise<StudyResult | undefined> {
  const { backend, kept = new Map<number, KeptPiece>(), signal } = options;
  const data = dataSource(options);
  const interrupted = () => signal?.aborted === true;
  const equipment = { ...data, backend, interrupted };
  const host = {
    size: 1,
    kept: (index: number) => kept.get(index),
    keep: (index: number, piece: KeptPiece) => void kept.set(index, piece),
    progress: (share: number, label: string) => options.progress?.(share, label),
    metric: (record: Readonly<Record<string, number | string>>) => options.metric?.(record),
    log: () => {},
  };
  const compute: Parameters<typeof computePieces>[2]['compute'] = (order, events) =>
    computePiece(study as Study, configuration, order, equipment, events);
  const pieces = await computePieces(
    study as Study,
    configuration,
    signal === undefined ? { ...host, compute } : { ...host, compute, signal },
  );
  return (
    pieces &&
    study.finish(
      configuration,
      pieces.map(({ result }) => result as Piece),
    )
  );
}
