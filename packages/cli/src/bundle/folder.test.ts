import { mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { MesoscopeError } from 'mesoscope';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { interruptedRun, publishBundle, reserveFolder, sweepTemporaries } from './folder.ts';
import { lockFolder } from './lock.ts';
import { metricsText, openPieces } from './pieces.ts';
import { setSpaceAside } from './reserve.ts';

/** Set to make the disk full after so many bytes. */
const disk = vi.hoisted(() => ({ room: Number.POSITIVE_INFINITY, freed() {} }));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  return {
    ...fs,
    rmSync(...given: Parameters<typeof fs.rmSync>) {
      if (String(given[0]).endsWith('reserve')) disk.freed();
      fs.rmSync(...given);
    },
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

const record = (study: string) => JSON.stringify({ format: 2, study });

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

  it('refuses a place below a file', () => {
    writeFileSync(join(parent, 'file'), '');
    expect(messageOf(() => reserveFolder(join(parent, 'file', 'run'), 'toy'))).toMatch(
      /cannot be written.*Choose another folder/,
    );
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

describe('pieces', () => {
  const piece = (step: number) => ({
    metrics: [{ step, loss: Number.NaN }],
    seconds: 1.5,
    ended: false,
    state: { step, theta: Float64Array.of(step, 1 / 3), moments: Float32Array.of(0.1) },
  });

  it('come back as they were', () => {
    const store = openPieces(parent);
    store.keep(3, piece(7));
    expect(openPieces(parent).kept(3)).toEqual(piece(7));
    expect(store.kept(0)).toBeUndefined();
    expect(metricsText([piece(1), piece(2)])).toBe(
      '{"step":1,"loss":null}\n{"step":2,"loss":null}\n',
    );
  });

  it('survive a full disk: what was kept stays and the error says so', () => {
    const store = openPieces(parent);
    store.keep(0, piece(3));
    disk.room = 100;
    const message = messageOf(() => store.keep(0, piece(4)));
    expect(message).toMatch(/no space is left.*untouched/);
    expect(store.kept(0)).toEqual(piece(3));
    expect(readdirSync(join(parent, 'pieces'))).toEqual(['00000.bin']);
  });

  it('go into the space that was set aside where the disk is full, and the run ends', () => {
    setSpaceAside(parent);
    const store = openPieces(parent);
    store.keep(0, piece(3));
    disk.room = 100;
    vi.spyOn(disk, 'freed').mockImplementation(() => {
      disk.room = 1e6;
    });
    expect(messageOf(() => store.keep(0, piece(4)))).toContain('no space is left');
    expect(store.kept(0)).toEqual(piece(4));
  });

  it('need that space before any work', () => {
    disk.room = 1e6;
    expect(messageOf(() => setSpaceAside(parent))).toMatch(/no space is left.*4 MiB.*nothing was/);
    expect(readdirSync(parent)).toEqual([]);
  });

  it('that are damaged are named', () => {
    const store = openPieces(parent);
    writeFileSync(join(parent, 'pieces', '00000.bin'), '');
    expect(messageOf(() => store.kept(0))).toMatch(/00000\.bin: it is damaged.*computed again/);
    mkdirSync(join(parent, 'pieces', '00001.bin'));
    expect(messageOf(() => store.kept(1))).toContain('00001.bin');
  });
});

describe('locks', () => {
  const lockOf = (number: number, owner: object) =>
    writeFileSync(join(parent, `lock.${number}`), JSON.stringify(owner));
  const since = new Date(Date.now() - 600_000).toISOString();

  it('of a living process or another machine are respected, with owner and age', () => {
    lockOf(1, { process: 1, host: hostname(), since });
    expect(messageOf(() => lockFolder(parent, false))).toMatch(/process 1 on .* since 10 min/);
    lockOf(2, { process: 1, host: 'elsewhere', since });
    expect(messageOf(() => lockFolder(parent, false))).toContain('on elsewhere');
    lockFolder(parent, true);
    expect(readdirSync(parent).sort()).toEqual(['lock.1', 'lock.2', 'lock.3']);
  });

  it('tell a process that was taken over while it lived, which then keeps nothing more', () => {
    const first = lockFolder(parent, false);
    expect(first.isHeld()).toBe(true);
    const second = lockFolder(parent, true);
    expect([first.isHeld(), second.isHeld()]).toEqual([false, true]);
    expect(messageOf(first.require)).toContain('another process has taken this run over');
  });

  it('of a process that has ended, or cut short by a crash, are taken over', () => {
    lockOf(1, { process: 2 ** 22 + 1, host: hostname(), since });
    lockFolder(parent, false);
    writeFileSync(join(parent, 'lock.3'), '{"proc');
    lockFolder(parent, false);
    expect(readdirSync(parent).sort()).toEqual(['lock.1', 'lock.2', 'lock.3', 'lock.4']);
  });
});

describe('what a crash leaves', () => {
  it('a partial folder beside its own bundle is removed, and the run is complete', () => {
    const folder = reserveFolder(join(parent, 'toy'), 'toy');
    mkdirSync(folder.bundle);
    const run = {
      format: 2,
      id: 'x',
      study: 'toy',
      title: 'Toy',
      seed: 1,
      started: since(),
      seconds: 1,
      execution: { backend: 'wasm', precision: 'f64', workers: 1 },
      modules: [],
      references: [],
      notes: [],
      versions: { mesoscope: '1', node: '20' },
    };
    for (const path of [folder.bundle, folder.partial]) {
      writeFileSync(join(path, 'run.json'), JSON.stringify(run));
    }
    expect(messageOf(() => interruptedRun(folder.bundle, 'toy'))).toContain('complete');
    expect(readdirSync(parent)).toEqual(['toy']);
  });

  it('a bundle half written by a process that has ended is swept', () => {
    mkdirSync(join(parent, `.toy.${2 ** 22 + 1}.tmp`));
    mkdirSync(join(parent, `.toy.${process.pid}.tmp`));
    mkdirSync(join(parent, '.toyshop.5.tmp'));
    sweepTemporaries({ bundle: join(parent, 'toy'), partial: '' });
    expect(readdirSync(parent).sort()).toEqual(
      [`.toy.${process.pid}.tmp`, '.toyshop.5.tmp'].sort(),
    );
  });
});

it('refuses a symbolic link before any work', () => {
  symlinkSync(join(parent, 'nowhere'), join(parent, 'link'));
  expect(messageOf(() => reserveFolder(join(parent, 'link'), 'toy'))).toContain('symbolic link');
});

function since(): string {
  return new Date().toISOString();
}
