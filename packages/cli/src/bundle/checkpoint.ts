import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Checkpoint, decodeNpz, encodeNpz, type FloatArray, type NamedArray } from 'mesoscope';
import { writeAtomically } from './atomic.ts';

export const checkpointName = 'checkpoint.npz';

/** The entry that holds everything but the arrays, as the bytes of a JSON text. */
const factsEntry = 'mesoscope.facts';

/** A study's checkpoint with what the host must know to go on. */
export interface SavedCheckpoint {
  readonly checkpoint: Checkpoint;
  /** Lines of metrics.jsonl that belong to it. */
  readonly metricLines: number;
  /** Seconds of work until then, over all sittings. */
  readonly seconds: number;
}

/** Replaces the checkpoint in a partial folder. @throws MesoscopeError `file`; the last good one survives */
export function saveCheckpoint(partial: string, saved: SavedCheckpoint): void {
  const { meta, arrays } = saved.checkpoint;
  const precisions = Object.fromEntries(
    Object.entries(arrays).map(([name, data]) => [name, data instanceof Float32Array ? 32 : 64]),
  );
  const facts = { meta, precisions, metricLines: saved.metricLines, seconds: saved.seconds };
  const text = new TextEncoder().encode(JSON.stringify(facts));
  const entries: Record<string, NamedArray> = {
    [factsEntry]: { shape: [text.length], data: text },
  };
  for (const [name, data] of Object.entries(arrays)) entries[name] = { shape: [data.length], data };
  writeAtomically(join(partial, checkpointName), encodeNpz(entries));
}

/** The last checkpoint of a partial folder; undefined if the run had come to none. */
export function loadCheckpoint(partial: string): SavedCheckpoint | undefined {
  const path = join(partial, checkpointName);
  if (!existsSync(path)) return undefined;
  const { [factsEntry]: text, ...entries } = decodeNpz(readFileSync(path), path, {
    budget: Number.POSITIVE_INFINITY,
  });
  const facts = JSON.parse(new TextDecoder().decode(Uint8Array.from(text.data)));
  const arrays: Record<string, FloatArray> = {};
  for (const [name, { data }] of Object.entries(entries)) {
    arrays[name] = facts.precisions[name] === 32 ? Float32Array.from(data) : data;
  }
  const checkpoint: Checkpoint = { meta: facts.meta, arrays };
  return { checkpoint, metricLines: facts.metricLines, seconds: facts.seconds };
}
