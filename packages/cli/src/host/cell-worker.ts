import { type ErrorData, errorData, parseConfiguration } from 'mesoscope/configuration';
import { type CellOutcome, cellOutcome, runStudy } from 'mesoscope/study';
import { equipmentOf, studyOf } from './equipment.ts';
import type { PieceJob } from './thread-message.ts';

/** What a thread answers: the outcome of a cell, or why there is none. */
export type CellAnswer =
  | { readonly outcome: CellOutcome; readonly seconds: number }
  | { readonly error: ErrorData };

/** Computes one cell on this thread, all its pieces one after the other. */
export default async function computeCell(job: PieceJob): Promise<CellAnswer> {
  try {
    const study = await studyOf(job);
    const configuration = parseConfiguration(study.schema, job.configuration);
    const equipment = await equipmentOf(job, false);
    const start = performance.now();
    const result = await runStudy(study, configuration, equipment);
    if (result === undefined) throw new RangeError('a cell is not interrupted');
    return { outcome: cellOutcome(result), seconds: (performance.now() - start) / 1000 };
  } catch (cause) {
    return { error: errorData(cause) };
  }
}
