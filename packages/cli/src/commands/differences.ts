import { MesoscopeError, version } from 'mesoscope';
import { configurationDifferences } from 'mesoscope/configuration';
import type { RunRecord } from '../bundle/record.ts';
import type { Execution } from '../host/backend.ts';
import { type RunOptions, readExecution } from './options.ts';

/** The execution of an interrupted run, unless asked otherwise; another number of workers changes no number. */
export function resumedExecution(options: RunOptions, { execution }: RunRecord): Execution {
  return readExecution({
    ...options,
    backend: options.backend ?? execution.backend,
    precision: options.precision ?? execution.precision,
  });
}

/** @throws MesoscopeError `unsupported` if a run that is continued so would not come to the same numbers */
export function refuseDifferences(
  record: RunRecord,
  now: { readonly study: string; readonly configuration: unknown; readonly execution: Execution },
  partial: string,
): void {
  const asDocument = JSON.parse(JSON.stringify(now.configuration)) as unknown;
  const { backend, precision } = record.execution;
  const found = configurationDifferences(
    {
      version: record.versions.mesoscope,
      study: record.study,
      backend,
      precision,
      configuration: record.configuration,
    },
    {
      version,
      study: now.study,
      backend: now.execution.backend,
      precision: now.execution.precision,
      configuration: asDocument,
    },
  );
  if (found.length === 0) return;
  const list = found.map(
    ({ path, one, other }) => `${path}: ${JSON.stringify(one)} there, ${JSON.stringify(other)} now`,
  );
  throw new MesoscopeError({
    code: 'unsupported',
    by: `The run in ${partial}`,
    what: `continue with something else than it was started with (${list.join('; ')})`,
    wayOut: found.some(({ path }) => path === 'version')
      ? `Use mesoscope ${record.versions.mesoscope} to continue it, or start a new run without --resume.`
      : 'Leave the difference out to continue it, or start a new run without --resume.',
  });
}
