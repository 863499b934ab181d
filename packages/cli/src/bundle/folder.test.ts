import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MesoscopeError } from 'mesoscope';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { loadCheckpoint, saveCheckpoint } from './checkpoint.ts';
import { publishBundle, reserveFolder } from './folder.ts';
import { openMetrics } from './metrics.ts';

/** Set to make the disk full after so many bytes. */
const disk = vi.hoisted(() => ({ room: Number.POSITIVE_INFINITY }));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  return {
    ...fs,
    writeSync(file: number, bytes: Uint8Array, offset: number) {
      const count = Math.min(bytes.length - offset, disk.room);
      if (count <= 0) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
      disk.room -= count;
      return fs.writeSync(file, bytes, offset, count);
    },
  };
});

let parent: string;

beforeEach(() => {
  disk.room = Number.POSITIVE_INFINITY;
  parent = mkdtempSync(join(tmpdir(), 'bundle-'));
});

const record = (study: string) => JSON.stringify({ format: 1, study });

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof MesoscopeError && error.fault.code === 'file') return error.message;
    throw error;
  }
  return 'nothing was thrown';
}

describe('reserveFolder', () => {
  it('takes a free name and gives a second run of the study the next one', () => {
    const wanted = join(parent, 'runs', 'toy-1');
    const first = reserveFolder(wanted, 'toy');
    expect(first).toEqual({ bundle: wanted, partial: `${wanted}.partial` });
    publishBundle(first, { 'run.json': record('toy') });
    expect(reserveFolder(wanted, 'toy').bundle).toBe(`${wanted}-2`);
    // The second is under way, its folder still empty.
    expect(reserveFolder(wanted, 'toy').bundle).toBe(`${wanted}-3`);
  });

  it('refuses a folder of another study, a file, and a folder of something else', () => {
    mkdirSync(join(parent, 'other'));
    writeFileSync(join(parent, 'other', 'run.json'), record('another'));
    expect(messageOf(() => reserveFolder(join(parent, 'other'), 'toy'))).toContain('another study');
    writeFileSync(join(parent, 'file'), '');
    expect(messageOf(() => reserveFolder(join(parent, 'file'), 'toy'))).toContain('this is a file');
    mkdirSync(join(parent, 'home'));
    writeFileSync(join(parent, 'home', 'letter.txt'), 'dear');
    expect(messageOf(() => reserveFolder(join(parent, 'home'), 'toy'))).toContain('not empty');
    expect(messageOf(() => reserveFolder(join(parent, 'file', 'x'), 'toy'))).toContain(
      'cannot be written',
    );
    expect(readdirSync(parent).sort()).toEqual(['file', 'home', 'other']);
  });

  it('accepts an empty folder', () => {
    mkdirSync(join(parent, 'empty'));
    const folder = reserveFolder(join(parent, 'empty'), 'toy');
    publishBundle(folder, { 'run.json': '{}', 'figures/a.svg': '<svg/>' });
    expect(readdirSync(folder.bundle).sort()).toEqual(['figures', 'run.json']);
  });
});

describe('publishBundle', () => {
  it('leaves no bundle and no temporary folder when the disk is full, and keeps the partial folder', () => {
    const folder = reserveFolder(join(parent, 'toy'), 'toy');
    disk.room = 5;
    const message = messageOf(() =>
      publishBundle(folder, { 'run.json': '{}', 'a.txt': 'long text' }),
    );
    expect(message).toContain('no space is left');
    expect(readdirSync(parent)).toEqual(['toy.partial']);
  });
});

describe('checkpoints', () => {
  const checkpoint = (step: number) => ({
    checkpoint: {
      meta: { step, stage: 'training', depths: [2, 4] },
      arrays: { theta: Float64Array.of(step, 1 / 3), moments: Float32Array.of(0.1) },
    },
    metricLines: step,
    seconds: 1.5,
  });

  it('come back as they were', () => {
    saveCheckpoint(parent, checkpoint(3));
    expect(loadCheckpoint(parent)).toEqual(checkpoint(3));
    expect(loadCheckpoint(join(parent, 'none'))).toBeUndefined();
  });

  it('survive a full disk: the last good one stays and the error says so', () => {
    saveCheckpoint(parent, checkpoint(3));
    disk.room = 100;
    const message = messageOf(() => saveCheckpoint(parent, checkpoint(4)));
    expect(message).toMatch(/no space is left.*untouched/);
    expect(loadCheckpoint(parent)).toEqual(checkpoint(3));
    expect(readdirSync(parent)).toEqual(['checkpoint.npz']);
  });
});

it('metrics go on after the last line that a checkpoint knows', () => {
  const log = openMetrics(parent, 0);
  for (const step of [1, 2, 3]) log.append({ step, loss: step === 2 ? Number.NaN : 1 });
  log.flush();
  const resumed = openMetrics(parent, 2);
  resumed.append({ step: 3, loss: 5 });
  expect(resumed.text()).toBe('{"step":1,"loss":1}\n{"step":2,"loss":null}\n{"step":3,"loss":5}\n');
  expect(resumed.lines()).toBe(3);
  expect(existsSync(join(parent, 'metrics.jsonl'))).toBe(true);
  expect(readFileSync(join(parent, 'metrics.jsonl'), 'utf8')).toBe(resumed.text());
});
