import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { Job } from 'kubernetes-models/batch/v1';
import { beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { directory, files, json, mesoscope } from '../../command-line.fixture.ts';
import { shardOf } from './run.ts';

const sweep = {
  study: 'toy/decay',
  configuration: { steps: 3 },
  axes: [{ path: 'rate', from: 0.1, to: 0.9, count: 4 }],
  seeds: 2,
};

const write = (name: string, content: unknown) =>
  writeFileSync(join(directory, name), JSON.stringify(content));
const text = (path: string) => readFileSync(join(directory, path), 'utf8');
const cellFiles = (path: string) =>
  readdirSync(join(directory, path, 'cells')).flatMap((part) =>
    files(`${path}/cells/${part}`).map((name) => `${path}/cells/${part}/${name}`),
  );

beforeEach(() => write('sweep.json', sweep));

describe('sweep', () => {
  it('plans, runs and collects: a table, a parquet file, arrays and a report', async () => {
    const planned = await mesoscope('sweep plan sweep.json --out s --json');
    expect(planned.code).toBe(0);
    expect(JSON.parse(planned.stdout)).toMatchObject({ cells: 8, columns: ['rate', 'seed'] });
    expect(json('s/sweep.json').kernels).toEqual({ backend: 'wasm', precision: 'f64' });
    const ran = await mesoscope('sweep run s');
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stdout).toContain('8 of 8 cells are done');
    expect((await mesoscope('sweep collect s')).code).toBe(0);
    expect(files('s-collected')).toContain('report.html');
    const lines = text('s-collected/table.csv').trim().split('\r\n');
    expect(lines[0]).toBe('rate,seed,last value,verdict,measured,low,high,expected,status');
    expect(lines).toHaveLength(9);
    // x₀ = seed + 1/3, three times the rate.
    const [rate, seed, last] = lines[8].split(',').map(Number);
    expect([rate, seed]).toEqual([0.9, 2]);
    expect(last).toBeCloseTo((2 + 1 / 3) * 0.9 ** 3, 14);
    const bytes = readFileSync(join(directory, 's-collected/table.parquet'));
    const rows = await parquetReadObjects({ file: new Uint8Array(bytes).buffer });
    expect(rows[7]).toMatchObject({ rate: 0.9, seed: 2, 'last value': last, status: 'completed' });
    expect(readdirSync(join(directory, 's/tmp'))).toEqual([]);
  });

  it.each([1, 3, 7])('gives the same table in %i shards', async (shards) => {
    await mesoscope('sweep plan sweep.json --out whole --no-estimate');
    await mesoscope('sweep run whole');
    await mesoscope('sweep collect whole --out a');
    await mesoscope('sweep plan sweep.json --out parts --no-estimate');
    for (let index = 0; index < shards; index++) {
      const line = `sweep shard parts --index ${index} --of ${shards}`;
      // Every shard twice at once.
      await Promise.all([mesoscope(line), mesoscope(line)]);
    }
    await mesoscope('sweep collect parts --out b');
    for (const name of ['table.csv', 'table.parquet', 'arrays.npz', 'figures.json']) {
      expect(readFileSync(join(directory, 'b', name))).toEqual(
        readFileSync(join(directory, 'a', name)),
      );
    }
    expect(files('parts')).not.toContain('conflicts');
  });

  it('computes after a change only what has changed', async () => {
    await mesoscope('sweep plan sweep.json --out s');
    await mesoscope('sweep run s');
    const before = new Map(cellFiles('s').map((name) => [name, text(name)]));
    write('more.json', { ...sweep, axes: [{ path: 'rate', values: [0.9, 0.95] }] });
    expect((await mesoscope('sweep extend s more.json')).stdout).toContain('2 more cells');
    expect((await mesoscope('sweep status s')).stdout).toContain('8 of 10 cells are done, 2 wait');
    await mesoscope('sweep run s');
    expect(cellFiles('s')).toHaveLength(10);
    for (const [name, content] of before) expect(text(name)).toBe(content);
  });

  it('refuses impossible cells before anything is written', async () => {
    write('sweep.json', { ...sweep, axes: [{ path: 'rate', values: [0.5, -1] }] });
    const { code, stderr } = await mesoscope('sweep plan sweep.json --out s');
    expect(code).toBe(2);
    expect(stderr).toContain('2 of 4 cells');
    expect(stderr).toContain('rate = -1, seed = 1');
    expect(existsSync(join(directory, 's'))).toBe(false);
  });

  it.each([
    [{ ...sweep, axes: [{ path: 'rat', values: [1] }] }, 'Did you mean "rate"?'],
    [{ ...sweep, study: 'toy/dekay' }, 'Did you mean "toy/decay"?'],
    [{ ...sweep, claim: 'A.toy-order' }, 'either the name of a study or'],
    [
      { ...sweep, conditions: [{ left: 'rate', is: '>', right: 5 }] },
      'conditions that some cell meets',
    ],
    [{}, 'names at least one field'],
    [[], 'names at least one field'],
  ])('refuses %j', async (content, words) => {
    write('sweep.json', content);
    const { code, stderr } = await mesoscope('sweep plan sweep.json --out s');
    expect(code).toBe(2);
    expect(stderr).toContain(words);
    expect(files('.')).toEqual(['sweep.json']);
  });

  it('keeps failed cells with their reason, and tries them again', async () => {
    write('sweep.json', { ...sweep, axes: [{ path: 'explodeAt', values: [-1, 1] }] });
    await mesoscope('sweep plan sweep.json --out s --no-estimate');
    const ran = await mesoscope('sweep run s');
    expect(ran.code).toBe(1);
    expect(ran.stdout).toContain('2 of 4 cells are done, 0 wait, 2 failed');
    expect((await mesoscope('sweep status s')).stdout).toContain('explodeAt = 1, seed = 1: boom');
    expect((await mesoscope('sweep run s')).code).toBe(0);
    await mesoscope('sweep retry s');
    expect((await mesoscope('sweep status s')).stdout).toContain('boom (2 times)');
    const refused = await mesoscope('sweep collect s');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('--allow failures');
    expect((await mesoscope('sweep collect s --allow failures')).code).toBe(0);
    expect(text('s-collected/report.html')).toContain('Failed cells');
  });

  it('notices two results of one cell, and a gap', async () => {
    await mesoscope('sweep plan sweep.json --out s --no-estimate');
    await mesoscope('sweep run s');
    cpSync(join(directory, 's'), join(directory, 't'), { recursive: true });
    const [one, other] = cellFiles('t');
    write(one, { ...json(one), outcome: { ...json(one).outcome, message: 'bent' } });
    expect((await mesoscope('sweep collect s t')).stderr).toContain(
      '1 cells have two different results',
    );
    rmSync(join(directory, other));
    rmSync(join(directory, other.replace(/^t/, 's')));
    const gap = await mesoscope('sweep collect s');
    expect(gap.stderr).toContain(
      '1 cells have not ended. Run or retry them, or collect what there is with --allow gaps',
    );
    expect((await mesoscope('sweep collect s --allow gaps --json')).stdout).toContain('"gaps": 1');
  });

  it('merges copies whose shards were computed apart', async () => {
    await mesoscope('sweep plan sweep.json --out s --no-estimate');
    cpSync(join(directory, 's'), join(directory, 't'), { recursive: true });
    await mesoscope('sweep shard s --index 0 --of 2');
    await mesoscope('sweep shard t --index 1 --of 2');
    expect((await mesoscope('sweep collect s t --json')).stdout).toContain('"cells": 8');
  });

  it('refuses a plan or a record that was changed by hand', async () => {
    await mesoscope('sweep plan sweep.json --out s --no-estimate');
    const [plan] = files('s').filter((name) => name.startsWith('plan-'));
    const whole = text(`s/${plan}`);
    writeFileSync(join(directory, 's', plan), whole.replace('0.9', '0.8'));
    expect((await mesoscope('sweep run s')).stderr).toContain('changed by hand');
    writeFileSync(join(directory, 's', plan), whole);
    write('s/sweep.json', { ...json('s/sweep.json'), version: '9.9.9' });
    expect((await mesoscope('sweep status s')).stderr).toContain('changed by hand');
  });

  it('says how to mend a damaged cell, and plans again where a plan was interrupted', async () => {
    await mesoscope('sweep plan sweep.json --out s --no-estimate');
    rmSync(join(directory, 's/sweep.json'));
    expect((await mesoscope('sweep plan sweep.json --out s --no-estimate')).code).toBe(0);
    expect((await mesoscope('sweep plan sweep.json --out s')).stderr).toContain(
      'a sweep stands there',
    );
    await mesoscope('sweep run s');
    const [one] = cellFiles('s');
    writeFileSync(join(directory, one), text(one).slice(0, 40));
    expect((await mesoscope('sweep collect s')).stderr).toContain(
      'Remove it and run the sweep again',
    );
    rmSync(join(directory, one));
    await mesoscope('sweep run s');
    expect((await mesoscope('sweep collect s')).code).toBe(0);
  });

  it('refines where a column changes, without being told again', async () => {
    write('sweep.json', {
      study: 'toy/decay',
      configuration: { steps: 1 },
      axes: [{ path: 'rate', from: 0.1, to: 0.9, count: 3 }],
      refine: { along: ['rate'], on: 'last value', threshold: 0.42, rounds: 4 },
    });
    await mesoscope('sweep plan sweep.json --out s --no-estimate');
    const { code, stderr } = await mesoscope('sweep run s');
    expect(code).toBe(0);
    expect(stderr).toContain('1 more cells where neighbours differ');
    await mesoscope('sweep collect s');
    const rates = text('s-collected/table.csv')
      .trim()
      .split('\r\n')
      .slice(1)
      .map((line) => Number(line.split(',')[0]));
    // (1 + 1/3) rate = 0.42 at 0.315; the last grid is 0.8/32 wide.
    const below = Math.max(...rates.filter((rate) => rate < 0.315));
    const above = Math.min(...rates.filter((rate) => rate >= 0.315));
    expect(above - below).toBeCloseTo(0.025, 10);
    expect(rates).toHaveLength(3 + 4);
    expect((await mesoscope('sweep refine s')).stdout).toContain('Nothing is missing');
  });

  it('names the columns there are where a refinement asks for another', async () => {
    write('sweep.json', {
      study: 'toy/decay',
      axes: [{ path: 'rate', from: 0.1, to: 0.9, count: 3 }],
      refine: { along: ['rate'], on: 'last vale', rounds: 1 },
    });
    await mesoscope('sweep plan sweep.json --out s --no-estimate');
    const { code, stderr } = await mesoscope('sweep run s');
    expect(code).toBe(2);
    expect(stderr).toContain('Did you mean "last value"?');
  });

  it('sweeps a claim: its verdict is a column', async () => {
    write('sweep.json', { claim: 'A.toy-order', axes: [{ path: 'bend', values: [0, 1] }] });
    await mesoscope('sweep plan sweep.json --out s --no-estimate');
    await mesoscope('sweep run s');
    await mesoscope('sweep collect s');
    const [heading, ...lines] = text('s-collected/table.csv').trim().split('\r\n');
    expect(heading.split(',').slice(0, 3)).toEqual(['bend', 'verdict', 'measured']);
    expect(lines.map((line) => line.split(',')[1])).toEqual(['holds', 'fails']);
  });

  it('goes on after Ctrl-C', async () => {
    await mesoscope('sweep plan sweep.json --out s --no-estimate');
    const stopped = await mesoscope('sweep run s', 2);
    expect(stopped.code).toBe(130);
    expect(stopped.stdout).toContain('Continue with: mesoscope sweep run s');
    expect((await mesoscope('sweep run s')).stdout).toContain('8 of 8 cells are done');
  });
});

describe('shards', () => {
  it('are named by the command line, Slurm or Kubernetes', () => {
    expect(shardOf({ index: '2', of: '5' }, {})).toEqual({ index: 2, of: 5 });
    const slurm = {
      SLURM_ARRAY_TASK_ID: '4',
      SLURM_ARRAY_TASK_MIN: '1',
      SLURM_ARRAY_TASK_COUNT: '6',
    };
    expect(shardOf({}, slurm)).toEqual({ index: 3, of: 6 });
    expect(shardOf({ of: '3' }, { JOB_COMPLETION_INDEX: '0' })).toEqual({ index: 0, of: 3 });
    expect(() => shardOf({ index: '5', of: '5' }, {})).toThrow('0 ≤ i < N');
    expect(() => shardOf({}, {})).toThrow('--index');
  });
});

describe('emit', () => {
  it('prints scripts for Slurm, xargs and Kubernetes', async () => {
    await mesoscope('sweep plan sweep.json --out s --no-estimate');
    const slurm = (await mesoscope('sweep emit slurm s --shards 4 --parallel 2')).stdout;
    expect(slurm).toContain('#SBATCH --array=0-3%2');
    expect(slurm).toContain('--of 4');
    expect((await mesoscope('sweep emit xargs s')).stdout).toContain('seq 0 7 | xargs');
    expect((await mesoscope('sweep emit slurm s --shards 5000')).stderr).toContain('at most 1000');
    expect((await mesoscope('sweep emit pbs s')).stderr).toContain('Known: slurm');
  });

  it('prints a Job that the schema of Kubernetes accepts', async () => {
    await mesoscope('sweep plan sweep.json --out s --no-estimate');
    const { stdout } = await mesoscope('sweep emit kubernetes s --shards 4');
    const manifest = parse(stdout);
    expect(manifest.spec).toMatchObject({ completionMode: 'Indexed', completions: 4 });
    new Job(manifest).validate();
    const wrong = { ...manifest, spec: { ...manifest.spec, completions: 'four' } };
    expect(() => new Job(wrong).validate()).toThrow('completions');
  });
});
