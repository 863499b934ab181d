import { rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { allStand } from 'mesoscope/claims';
import { finiteJson } from 'mesoscope/configuration';
import { computePieces, type KeptPiece, type Study, type StudyResult } from 'mesoscope/study';
import { writeAtomically } from '../bundle/atomic.ts';
import { publishBundle, type RunFolder, sweepTemporaries } from '../bundle/folder.ts';
import { type Lock, lockFolder } from '../bundle/lock.ts';
import { holdsPieces, metricsText, openPieces, type PieceStore } from '../bundle/pieces.ts';
import { type RunRecord, recordName, recordText } from '../bundle/record.ts';
import { giveSpaceBack, setSpaceAside } from '../bundle/reserve.ts';
import type { Environment } from '../environment.ts';
import type { Execution } from '../host/backend.ts';
import { bundleFiles, finishedRecord } from '../report/bundle-files.ts';
import { createProgress } from '../terminal/progress.ts';
import { createConsent } from './consent.ts';
import { exitCode, type RunOptions } from './options.ts';
import { newRecord } from './record.ts';

/** One sitting of a run: from its start, or from what is kept of it. */
export interface Sitting {
  readonly study: Study;
  readonly configuration: unknown;
  readonly seed: number;
  readonly execution: Execution;
  /** Modules of the user's own claims and studies, as addresses. */
  readonly modules: readonly string[];
  /** Undefined: nothing is kept. */
  readonly folder: RunFolder | undefined;
  /** Of the interrupted run that is continued. */
  readonly record?: RunRecord;
  /** What was changed in the user's files, one sentence each. */
  readonly notes: readonly string[];
  readonly options: Pick<RunOptions, 'quiet' | 'yes' | 'takeOver'>;
  /** How an interrupted run is continued: `mesoscope study --resume`. */
  readonly resumeCommand: string;
}

/** How a run ended. */
export type Conducted =
  | {
      readonly kind: 'interrupted';
      readonly record: RunRecord;
      readonly done: number;
      readonly of: number;
    }
  | { readonly kind: 'finished'; readonly record: RunRecord; readonly result: StudyResult };

/**
 * Runs a study, keeps it resumable, and leaves its bundle. What was computed is never deleted but by its bundle.
 *
 * @throws MesoscopeError, Error: what a piece throws; what is on disk stays
 */
export async function conduct(sitting: Sitting, environment: Environment): Promise<Conducted> {
  const { study, configuration, folder, execution, modules } = sitting;
  const { directory, stderr } = environment;
  const count = study.pieces(configuration);
  const { quiet = false, yes = false, takeOver = false } = sitting.options;
  const progress = createProgress(stderr, quiet);
  const interrupt = new AbortController();
  const begin = performance.now();
  let store: PieceStore | undefined;
  const lock = folder && lockOf(folder, sitting.record === undefined, takeOver);
  const job = { study: study.name, configuration, execution, directory, modules };
  let stopThreads = () => {};
  const stop = () => {
    interrupt.abort();
    stopThreads();
  };
  const stopListening = environment.onInterrupt(() => {
    progress.log('Stopping; what is done is kept (Ctrl-C again stops at once) …');
    stop();
  });
  const consent = createConsent({ yes, progress, stop, ask: environment.ask });
  try {
    if (folder !== undefined) {
      sweepTemporaries(folder);
      setSpaceAside(folder.partial);
      store = openPieces(folder.partial);
    }
    const threads = await environment.startPieces(job, count);
    stopThreads = threads.stop;
    try {
      const started = sitting.record ?? startedRecord(sitting, threads.build);
      if (folder !== undefined) writeRecord(folder, started);
      if (folder !== undefined) {
        progress.log(
          `${study.title}: seed ${sitting.seed}, ${threads.build}, to ${shown(folder.bundle, directory)}`,
        );
      }
      const keeping = keeperOf(store, lock);
      const pieces = await computePieces(study, configuration, {
        size: threads.size,
        compute: threads.compute,
        ...keeping,
        progress(share, label) {
          progress.update(share * 1000, 1000, label);
          consent.heard(share);
        },
        metric: progress.metric,
        log: progress.log,
        signal: interrupt.signal,
      });
      progress.end();
      const seconds = started.seconds + (performance.now() - begin) / 1000;
      if (pieces === undefined) {
        const done = keeping.ended();
        const status = {
          kind: 'interrupted',
          message: `${done} of ${count} pieces are done.`,
        } as const;
        const record = { ...started, status, seconds };
        if (folder !== undefined && lock?.isHeld()) writeRecord(folder, record);
        consent.require();
        return { kind: 'interrupted', record, done, of: count };
      }
      const result = study.finish(
        configuration,
        pieces.map((piece) => piece.result),
      );
      const record = finishedRecord(started, result, study, seconds);
      if (folder !== undefined) {
        lock?.require();
        giveSpaceBack(folder.partial);
        publishBundle(folder, bundleFiles(record, result, metricsText(pieces)));
      }
      return { kind: 'finished', record, result };
    } finally {
      await threads.dispose();
    }
  } catch (cause) {
    if (folder !== undefined && lock?.isHeld()) sayWhatIsKept(folder, sitting, environment);
    throw cause;
  } finally {
    if (folder !== undefined && lock?.isHeld()) giveSpaceBack(folder.partial);
    consent.end();
    progress.end();
    stopListening();
  }
}

/** The exit code of a run that ended. */
export function conductedCode(conducted: Conducted): number {
  if (conducted.kind === 'interrupted') return exitCode.interrupted;
  const { status, claims } = conducted.result;
  return status.kind === 'completed' && allStand(claims) ? exitCode.done : exitCode.failed;
}

/** Locks a folder; one that was made for this run does not stay where that fails. */
function lockOf({ partial }: RunFolder, isNew: boolean, takeOver: boolean): Lock {
  try {
    return lockFolder(partial, takeOver);
  } catch (cause) {
    if (isNew) rmSync(partial, { recursive: true, force: true });
    throw cause;
  }
}

/** Keeps pieces in a store if there is one and the run is still ours, and counts those that have ended. */
function keeperOf(store: PieceStore | undefined, lock: Lock | undefined) {
  const ended = new Set<number>();
  const note = (index: number, piece: KeptPiece | undefined) => {
    if (piece?.ended) ended.add(index);
    return piece;
  };
  return {
    kept: (index: number) => note(index, store?.kept(index)),
    keep(index: number, piece: KeptPiece) {
      lock?.require();
      store?.keep(index, piece);
      note(index, piece);
    },
    ended: () => ended.size,
  };
}

function startedRecord(
  { study, seed, configuration, execution, modules, notes: changed }: Sitting,
  build: string,
): RunRecord {
  const { value, notes } = finiteJson(configuration);
  const record = newRecord({
    study: study.name,
    title: study.title,
    seed,
    configuration: value,
    execution,
    modules,
    build,
    started: new Date(),
  });
  return { ...record, notes: [...changed, ...notes] };
}

function writeRecord({ partial }: RunFolder, record: RunRecord): void {
  writeAtomically(join(partial, recordName), recordText(record));
}

/** After a fault: a run that has done something stays and can go on; one that has not leaves nothing behind. */
function sayWhatIsKept(
  { partial }: RunFolder,
  { resumeCommand }: Sitting,
  { stderr, directory }: Environment,
): void {
  if (holdsPieces(partial)) {
    stderr.write(
      `What is done is kept. Continue with: ${resumeCommand} ${shown(partial, directory)}\n`,
    );
  } else {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** A path as a person in a directory would type it. */
export function shown(path: string, directory: string): string {
  return relative(directory, path) || path;
}
