import { randomUUID } from 'node:crypto';
import { version } from 'mesoscope';
import type { RunRecord } from '../bundle/record.ts';
import { describeHost } from '../host/describe.ts';

/** What is known of a run when it starts. */
export type RunHeading = Pick<
  RunRecord,
  'study' | 'title' | 'seed' | 'configuration' | 'execution' | 'modules' | 'build'
> & { readonly started: Date };

/** The record of a run that starts. */
export function newRecord({ started, ...heading }: RunHeading): RunRecord {
  return {
    format: 2,
    id: randomUUID(),
    ...heading,
    versions: { mesoscope: version, node: process.version },
    host: describeHost(),
    status: { kind: 'running', message: 'The run is under way.' },
    started: started.toISOString(),
    finished: null,
    seconds: 0,
    timings: {},
    headline: {},
    claims: [],
    references: [],
    notes: [],
  };
}
