import { existsSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import {
  allStand,
  type Backend,
  finiteJson,
  type Study,
  type StudyContext,
  type StudyResult,
} from 'mesoscope';
import { writeAtomically } from '../bundle/atomic.ts';
import { checkpointName, type SavedCheckpoint, saveCheckpoint } from '../bundle/checkpoint.ts';
import { publishBundle, type RunFolder } from '../bundle/folder.ts';
import { type MetricsLog, openMetrics } from '../bundle/metrics.ts';
import { type RunRecord, recordName, recordText } from '../bundle/record.ts';
import type { Environment } from '../environment.ts';
import type { Execution } from '../host/backend.ts';
import { loadCorpus } from '../host/corpus.ts';
import { loadImages } from '../host/images.ts';
import { bundleFiles, finishedRecord } from '../report/bundle-files.ts';
import { formatNumber } from '../terminal/number.ts';
import { createProgress, type Progress } from '../terminal/progress.ts';
import { alignColumns, claimTable } from '../terminal/table.ts';
import { exitCode } from './options.ts';
import { newRecord } from './record.ts';

/** One sitting of a run: from its start, or from its last checkpoint. */
export interface Sitting {
  readonly study: Study;
  readonly configuration: unknown;
  readonly seed: number;
  readonly execution: Execution;
  readonly folder: RunFolder;
  /** Of the interrupted run that is continued. */
  readonly record?: RunRecord;
  readonly saved?: SavedCheckpoint;
}

/** Milliseconds between two checkpoints. */
const checkpointInterval = 10_000;

/** Runs a study, keeps it resumable, leaves its bundle, prints its table. */
export async function conductStudy(
  sitting: Sitting,
  json: boolean,
  environment: Environment,
): Promise<number> {
  const { folder } = sitting;
  const progress = createProgress(environment.stderr);
  const interrupt = new AbortController();
  const shownPartial = relative(environment.directory, folder.partial) || folder.partial;
  const resumeCommand = `mesoscope study --resume ${shownPartial}`;
  const stopListening = environment.onInterrupt(() => {
    progress.log('Stopping at the next safe point (Ctrl-C again stops at once) …');
    interrupt.abort();
  });
  let backend: Backend | undefined;
  const pool = poolFor(sitting, environment);
  try {
    backend = await environment.createBackend(sitting.execution);
    progress.log(
      `${sitting.study.title}: seed ${sitting.seed}, ${backend.name}, to ${relative(environment.directory, folder.bundle) || folder.bundle}`,
    );
    const run = openRun(sitting, backend, progress, interrupt.signal, environment.directory);
    const context = pool === undefined ? run.context : { ...run.context, pool };
    const result = await sitting.study.run(sitting.configuration, context);
    progress.end();
    run.metrics.flush();
    if (result.status.kind === 'interrupted') {
      run.close(result.status);
      const message = `Interrupted: ${result.status.message}\nContinue with: ${resumeCommand}\n`;
      environment.stderr.write(message);
      if (json) environment.stdout.write(document({ ...run.record(), resume: resumeCommand }));
      return exitCode.interrupted;
    }
    const record = finishedRecord(run.record(), result, sitting.study, run.seconds());
    publishBundle(folder, bundleFiles(record, result, run.metrics.text()));
    const where = relative(environment.directory, folder.bundle) || folder.bundle;
    environment.stdout.write(
      json ? document({ ...record, folder: where }) : summary(result, where),
    );
    const good = result.status.kind === 'completed' && allStand(result.claims);
    return good ? exitCode.done : exitCode.failed;
  } catch (cause) {
    progress.end();
    if (existsSync(join(folder.partial, checkpointName))) {
      environment.stderr.write(`The last checkpoint is kept. Continue with: ${resumeCommand}\n`);
    } else {
      rmSync(folder.partial, { recursive: true, force: true });
    }
    throw cause;
  } finally {
    stopListening();
    await pool?.dispose();
    backend?.dispose();
  }
}

/** Threads for a study that comes in pieces, if it shall have more than one. */
function poolFor({ study, configuration, execution }: Sitting, { createPool }: Environment) {
  if (study.piece === undefined || execution.workers === 1) return undefined;
  return createPool?.({ study: study.name, configuration, execution });
}

interface OpenRun {
  readonly context: StudyContext;
  readonly metrics: MetricsLog;
  record(): RunRecord;
  /** Seconds of work, over all sittings. */
  seconds(): number;
  /** Leaves the record of an interrupted run. */
  close(status: StudyResult['status']): void;
}

function openRun(
  { study, configuration, seed, execution, folder, record: before, saved }: Sitting,
  backend: Backend,
  progress: Progress,
  signal: AbortSignal,
  directory: string,
): OpenRun {
  const begin = performance.now();
  const seconds = () => (saved?.seconds ?? 0) + (performance.now() - begin) / 1000;
  const { value, notes } = finiteJson(configuration);
  const started = before === undefined ? new Date() : new Date(before.started);
  let record: RunRecord = {
    ...newRecord({
      study: study.name,
      title: study.title,
      seed,
      configuration: value,
      execution,
      build: backend.name,
      started,
    }),
    notes,
  };
  const recordPath = join(folder.partial, recordName);
  writeAtomically(recordPath, recordText(record));
  const metrics = openMetrics(folder.partial, saved?.metricLines ?? 0);
  let lastSaved = begin;
  const context: StudyContext = {
    backend,
    corpus: async (name) => loadCorpus(name, directory),
    images: async (name) => loadImages(name, directory),
    metric(entry) {
      metrics.append(entry);
      progress.metric(entry);
    },
    progress: progress.update,
    async checkpoint(make) {
      // A macrotask, so that a pending Ctrl-C is seen before `signal` is read.
      await new Promise((resume) => setImmediate(resume));
      const now = performance.now();
      if (!signal.aborted && now - lastSaved < checkpointInterval) return;
      metrics.flush();
      const state = { checkpoint: make(), metricLines: metrics.lines(), seconds: seconds() };
      saveCheckpoint(folder.partial, state);
      lastSaved = performance.now();
    },
    signal,
    ...(saved === undefined ? {} : { resume: saved.checkpoint }),
  };
  return {
    context,
    metrics,
    record: () => record,
    seconds,
    close(status) {
      record = { ...record, status, seconds: seconds() };
      writeAtomically(recordPath, recordText(record));
    },
  };
}

function document(content: object): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** What a person reads at the end of a study. */
function summary(result: StudyResult, where: string): string {
  const headline = Object.entries(result.headline).map(([name, value]) => [
    name,
    typeof value === 'number' ? formatNumber(value) : value,
  ]);
  return [
    ...(result.status.kind === 'completed' ? [] : [`${result.status.message}\n`]),
    ...(headline.length > 0 ? [`${alignColumns(headline).join('\n')}\n`] : []),
    ...(result.claims.length > 0 ? [claimTable(result.claims)] : []),
    `Report: ${join(where, 'report.html')}\n`,
  ].join('\n');
}
