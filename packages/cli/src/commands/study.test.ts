import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeNpz } from 'mesoscope/formats';
import { describe, expect, it } from 'vitest';
import { directory, files, json, mesoscope } from '../command-line.fixture.ts';

describe('study', () => {
  it('leaves a whole bundle and prints table, headline and place', async () => {
    const { code, stdout } = await mesoscope('study toy/decay --seed 7');
    expect(code).toBe(0);
    expect(stdout).toContain('last value');
    expect(stdout).toContain('Report: runs/toy-decay-7/report.html');
    expect(files('runs')).toEqual(['toy-decay-7']);
    expect(files('runs/toy-decay-7')).toEqual([
      'CITATION.bib',
      'arrays.npz',
      'figures',
      'figures.json',
      'metrics.jsonl',
      'report.html',
      'run.json',
    ]);
    expect(json('runs/toy-decay-7/run.json')).toMatchObject({
      study: 'toy/decay',
      configuration: { seed: 7, steps: 5, rate: 0.5 },
      status: { kind: 'completed' },
    });
    const metrics = readFileSync(join(directory, 'runs/toy-decay-7/metrics.jsonl'), 'utf8');
    expect(metrics.trim().split('\n')).toHaveLength(5);
    const arrays = decodeNpz(readFileSync(join(directory, 'runs/toy-decay-7/arrays.npz')), 'x');
    expect(arrays.x.data[0]).toBe((7 + 1 / 3) / 32);
  });

  it('never writes over a run: the next one gets the next name', async () => {
    await mesoscope('study toy/decay');
    await mesoscope('study toy/decay');
    expect(files('runs')).toEqual(['toy-decay-1', 'toy-decay-1-2']);
  });

  it('runs again from the record of a run', async () => {
    await mesoscope('study toy/decay --set steps=3 --out first');
    const { code } = await mesoscope('study first/run.json --out second');
    expect(code).toBe(0);
    expect(json('second/run.json').configuration).toEqual(json('first/run.json').configuration);
    expect(json('second/run.json').headline).toEqual(json('first/run.json').headline);
  });

  it('prints one JSON document with --json', async () => {
    const { stdout } = await mesoscope('study toy/decay --json');
    expect(JSON.parse(stdout)).toMatchObject({ study: 'toy/decay', folder: 'runs/toy-decay-1' });
  });

  it('cites exactly what the run used', async () => {
    await mesoscope('study toy/decay --out run');
    const { code, stdout } = await mesoscope('cite run');
    expect(code).toBe(0);
    expect(stdout.match(/^@\w+/gm)).toEqual(['@software', '@misc', '@misc']);
    expect(stdout).toContain('2606.23235');
    expect(stdout).toContain('2605.17660');
    expect((await mesoscope('cite run/run.json')).stdout).toBe(stdout);
    expect(JSON.parse((await mesoscope('cite run --json')).stdout).references).toHaveLength(2);
  });

  it('leaves nothing where it throws before a checkpoint, and names the fault', async () => {
    const { code, stderr } = await mesoscope('study toy/decay --set explodeAt=0');
    expect(code).toBe(1);
    expect(stderr).toContain('boom');
    expect(files('runs')).toEqual([]);
  });
});

describe('an interrupted study', () => {
  const interrupted = () => mesoscope('study toy/decay --out run', 2);

  it('exits 130, keeps a checkpoint, and says how to go on', async () => {
    const { code, stderr } = await interrupted();
    expect(code).toBe(130);
    expect(stderr).toContain('Continue with: mesoscope study --resume run.partial');
    expect(files('run.partial')).toEqual(['lock.1', 'pieces', 'run.json']);
    expect(existsSync(join(directory, 'run'))).toBe(false);
  });

  it.each(['run', 'run.partial'])('goes on from %s to the same numbers', async (name) => {
    await interrupted();
    const { code } = await mesoscope(`study --resume ${name}`);
    expect(code).toBe(0);
    await mesoscope('study toy/decay --out straight');
    for (const file of ['arrays.npz', 'metrics.jsonl', 'CITATION.bib']) {
      expect(readFileSync(join(directory, 'run', file))).toEqual(
        readFileSync(join(directory, 'straight', file)),
      );
    }
    expect(json('run/run.json').headline).toEqual(json('straight/run.json').headline);
    expect(files('.')).toEqual(['run', 'straight']);
  });

  it('refuses to go on with another configuration, backend or version, and says which', async () => {
    await interrupted();
    const other = await mesoscope('study --resume run --set rate=0.25');
    expect(other.code).toBe(2);
    expect(other.stderr).toContain('configuration.rate: 0.5 there, 0.25 now');
    expect((await mesoscope('study --resume run --backend reference')).stderr).toContain('backend');
    const record = json('run.partial/run.json');
    record.versions.mesoscope = '0.0.9';
    writeFileSync(join(directory, 'run.partial/run.json'), JSON.stringify(record));
    const old = await mesoscope('study --resume run');
    expect(old.stderr).toContain('Use mesoscope 0.0.9');
    expect(files('run.partial')).toEqual(['lock.1', 'pieces', 'run.json']);
  });

  it('refuses to resume a complete run', async () => {
    await mesoscope('study toy/decay --out run');
    const { code, stderr } = await mesoscope('study --resume run');
    expect(code).toBe(2);
    expect(stderr).toContain('nothing to resume');
  });
});
