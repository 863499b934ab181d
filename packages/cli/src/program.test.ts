import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Claim } from 'mesoscope/claims';
import { claims as realClaims } from 'mesoscope/claims';
import { decodeNpz } from 'mesoscope/formats';
import type { Study } from 'mesoscope/study';
import { describe, expect, it } from 'vitest';
import { directory, files, json, mesoscope } from './command-line.fixture.ts';
import { run } from './program.ts';
import { eulerFigure, toyCatalogue, toyClaim, toyEnvironment, toyStudy } from './toy.fixture.ts';

it('keeps the numbers of every figure', async () => {
  await mesoscope('verify A --out proof');
  const arrays = decodeNpz(readFileSync(join(directory, 'proof/arrays.npz')), 'arrays');
  const { x, y } = eulerFigure.marks[1] as unknown as { x: number[]; y: number[] };
  expect([...arrays['A.toy-order.line.forward Euler.x'].data]).toEqual(x);
  expect([...arrays['A.toy-order.line.forward Euler.y'].data]).toEqual(y);
  expect(Object.keys(arrays)).toContain('A.toy-order.dots.Heun.high');
});

describe('bad input exits 2 with a sentence and the way out', () => {
  it.each([
    ['verify A.toy-ordr', 'Did you mean "A.toy-order"?'],
    ['verify A --set horizn=1', 'Did you mean "horizon"?'],
    ['verify A --config missing.json', 'no such file'],
    ['verify A --sede 1', 'Did you mean --seed?'],
    ['verfy', 'Did you mean verify?'],
    ['verify A --backend wsm', 'Did you mean "wasm"?'],
    ['verify A --precision f16', 'Unknown precision "f16"'],
    ['verify A --workers 0', 'expected a whole number ≥ 1'],
    ['verify A --seed 1.5', 'expected a whole number ≥ 0'],
    ['study toy/decai', 'Did you mean "toy/decay"?'],
    ['study', 'expected the name of a study (toy/decay) or a file'],
    ['study toy/decay --set stepps=3', 'Did you mean "steps"?'],
    ['study toy/decay --set steps=0', 'steps'],
    ['study toy/decay --set steps', 'expected path=value'],
    ['study --resume nowhere', 'there is no such run'],
    ['cite nowhere', 'it holds no run'],
    ['template A.toy-ordr', 'Did you mean "A.toy-order"?'],
    ['verify A --set constructor.prototype=1', 'a path such as'],
    [`verify A --set ${'a.'.repeat(20_000)}b=1`, '64 steps'],
    ['verify A --set horizon=x', 'mesoscope template A.toy-order > instance.json'],
    ['verify A --input-limit 0', 'expected a whole number ≥ 1'],
  ])('%s', async (line, sentence) => {
    const { code, stdout, stderr } = await mesoscope(line);
    expect(code).toBe(2);
    expect(stderr).toContain(sentence);
    expect(stdout).toBe('');
    expect(readdirSync(directory)).toEqual([]);
  });

  it('is a JSON document too with --json', async () => {
    const { code, stdout } = await mesoscope('study toy/decay --set steps=0 --json');
    expect(code).toBe(2);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'invalid-configuration',
      issues: [{ path: 'steps' }],
    });
    expect(JSON.parse((await mesoscope('verify --nope --json')).stdout).error.code).toBe(
      'command-line',
    );
  });

  it('refuses an output folder of another study before any work', async () => {
    mkdirSync(join(directory, 'o'));
    writeFileSync(join(directory, 'o', 'run.json'), '{"format":2,"study":"other"}');
    const { code, stderr } = await mesoscope('study toy/decay --out o');
    expect(code).toBe(2);
    expect(stderr).toContain('another study, other');
    expect(files('o')).toEqual(['run.json']);
  });
});

describe('figures of a finished run', () => {
  it('draws them again in every format, at the width asked for', async () => {
    await mesoscope('study toy/decay --out run');
    const line = 'figures run --format pdf,svg,tikz,png --width 86mm --out paper';
    const { code, stdout } = await mesoscope(line);
    expect(code).toBe(0);
    expect(stdout.split('\n')[0]).toBe('paper/A.toy-order.pdf');
    expect(files('paper')).toEqual(['pdf', 'png', 'svg', 'tex'].map((end) => `A.toy-order.${end}`));
    const text = (name: string) => readFileSync(join(directory, 'paper', name), 'latin1');
    expect(text('A.toy-order.svg')).toContain('width="8.600cm"');
    expect(text('A.toy-order.pdf')).toMatch(/^%PDF-1[\s\S]*MediaBox \[0 0 243\.7/);
    expect(text('A.toy-order.pdf')).toContain('FontFile2');
    // 8.6 cm at 600 dots an inch, in the header of the image.
    const png = readFileSync(join(directory, 'paper/A.toy-order.png'));
    expect(png.readUInt32BE(16)).toBe(Math.round((8.6 / 2.54) * 600));
    expect(text('A.toy-order.tex')).toContain('\\begin{axis}');
    expect(files('run')).not.toContain('paper');
  });

  it.each([
    ['--format webm', 'Unknown format "webm"'],
    ['--format gif', 'nothing moves in it'],
    ['--width 8.6parsec', 'a length from 1 to 200 cm'],
    ['--width 0cm', 'a length from 1 to 200 cm'],
    ['--font Comic', 'neither shipped nor'],
    ['--font run/run.json', 'no TrueType or OpenType font'],
  ])('refuses %s', async (options, sentence) => {
    await mesoscope('study toy/decay --out run');
    const { code, stderr } = await mesoscope(`figures run ${options}`);
    expect(code).toBe(2);
    expect(stderr).toContain(sentence);
    expect(files('run')).not.toContain('paper');
  });

  it('sets what moves as an animated GIF', async () => {
    const frame = (k: number) => ({
      ...eulerFigure,
      id: `moving.0${k}`,
      marks: [{ kind: 'line', series: 'x', x: [0.1, 1 + k], y: [1, 2 + k] } as const],
    });
    const moving = {
      ...toyStudy,
      finish: (configuration, pieces) => ({
        ...toyStudy.finish(configuration, pieces),
        sections: [
          { kind: 'animation', title: 'Moving', caption: '', frames: [frame(0), frame(1)] },
        ],
      }),
    } as typeof toyStudy;
    const { environment, stdout } = toyEnvironment(
      directory,
      toyCatalogue(undefined, [moving as Study]),
    );
    expect(await run('study toy/decay --out run'.split(' '), environment)).toBe(0);
    expect(await run('figures run --format gif'.split(' '), environment)).toBe(0);
    expect(stdout.text()).toMatch(/run\/paper\/moving\.gif\n$/);
    const gif = readFileSync(join(directory, 'run/paper/moving.gif'));
    expect(gif.subarray(0, 6).toString()).toBe('GIF89a');
    expect(gif.readUInt16LE(6)).toBe(Math.round((8.6 / 2.54) * 200));
    // A graphic control extension before each frame, the last of which stays three times as long.
    const control = Buffer.from([0x21, 0xf9, 0x04]);
    const first = gif.indexOf(control);
    const delays = [first, gif.indexOf(control, first + 1)].map((at) => gif.readUInt16LE(at + 4));
    expect(delays).toEqual([40, 120]);
    expect(gif.indexOf(control, gif.indexOf(control, first + 1) + 1)).toBe(-1);
  });

  it('says so where the figures were not kept, or are damaged', async () => {
    await mesoscope('study toy/decay --out run');
    const path = join(directory, 'run/figures.json');
    writeFileSync(path, '{ "figures": [{ "id": 1 }] }');
    expect((await mesoscope('figures run')).stderr).toContain('no list of figures');
    rmSync(path);
    expect(await mesoscope('notebook run')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there is no figures.json in it'),
    });
  });

  it('writes a notebook with a cell for each', async () => {
    await mesoscope('study toy/decay --out run');
    const { code, stdout } = await mesoscope('notebook run --json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ file: 'run/notebook.ipynb' });
    const { nbformat, cells } = json('run/notebook.ipynb');
    expect(nbformat).toBe(4);
    expect(cells.at(-1).source).toEqual(['draw("A.toy-order")']);
  });
});

describe('two finished runs', () => {
  it('stand side by side: settings, numbers, curves over each other', async () => {
    await mesoscope('study toy/decay --out first');
    await mesoscope('study toy/decay --set steps=3 --out second');
    const { code, stdout } = await mesoscope('compare first second');
    expect(code).toBe(0);
    expect(stdout).toMatch(/configuration\.steps +5 +3\n/);
    expect(stdout).toMatch(/last value +0\.04167 +0\.1667\n/);
    expect(stdout).toContain('Report: second/compared-with-first.html');
    const html = readFileSync(join(directory, 'second/compared-with-first.html'), 'utf8');
    for (const text of ['Heun · first', 'Heun · second', 'configuration.steps', '0.125']) {
      expect(html).toContain(text);
    }
    expect(html).not.toMatch(/<script|NaN|undefined/);
    // The words of the expected rate stand once.
    expect(html.match(/slope −2/g)).toHaveLength(1);
  });

  it('are a JSON document with --json', async () => {
    await mesoscope('study toy/decay --out first');
    await mesoscope('study toy/decay --out second --seed 2');
    const document = JSON.parse(
      (await mesoscope('compare first second --json --out c.html')).stdout,
    );
    expect(document.differences.map(({ path }: { path: string }) => path)).toEqual([
      'seed',
      'configuration.seed',
    ]);
    expect(document.headline).toEqual([
      { name: 'last value', one: (1 + 1 / 3) / 32, other: (2 + 1 / 3) / 32 },
    ]);
    expect(document.checks[0].one).toEqual(document.checks[0].other);
    expect(document).toMatchObject({ figures: ['A.toy-order'], report: 'c.html' });
    expect(files('.')).toEqual(['c.html', 'first', 'second']);
  });

  it('say so where they are the same, and are refused where one is none', async () => {
    await mesoscope('study toy/decay --out first');
    await mesoscope('study toy/decay --out second');
    await mesoscope('compare first second --out c.html');
    expect(readFileSync(join(directory, 'c.html'), 'utf8')).toContain('the same settings');
    expect((await mesoscope('compare first nowhere')).code).toBe(2);
  });
});

describe('list, doctor, help', () => {
  it('lists studies and claims', async () => {
    const { code, stdout } = await mesoscope('list');
    expect(code).toBe(0);
    expect(stdout).toContain('toy/decay');
    expect(stdout).toContain('A.toy-order');
    const document = JSON.parse((await mesoscope('list --json')).stdout);
    expect(document.studies[0].configuration.properties.steps).toMatchObject({ default: 5 });
    expect(document.claims.map((claim: Claim) => claim.id)).toEqual(['A.toy-order', 'C.toy-exact']);
    expect(document.claims[0].statement).toBe(toyClaim.statement);
  });

  it('fits its list to the terminal', async () => {
    for (const columns of [40, 60, 120]) {
      const studies = [{ ...toyStudy, description: 'many words '.repeat(30) } as Study];
      const catalogue = toyCatalogue(realClaims, studies);
      const { environment, stdout } = toyEnvironment(directory, catalogue);
      const output = Object.assign(stdout, { columns });
      await run(['list'], { ...environment, stdout: output });
      const widest = Math.max(
        ...stdout
          .text()
          .split('\n')
          .map((line) => line.length),
      );
      expect(widest).toBeLessThanOrEqual(columns);
      expect(widest).toBeGreaterThan(columns - 20);
    }
  });

  it('prints a template that runs as it is', async () => {
    const { code, stdout } = await mesoscope('template A.toy-order');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ '// horizon': 'T > 0', horizon: 1 });
    writeFileSync(join(directory, 'instance.json'), stdout);
    const run = JSON.parse((await mesoscope('verify A --config instance.json --json')).stdout);
    expect(run.claims[0].instance).toEqual({ horizon: 1, bend: 0, explicit: false });
    const own = JSON.parse((await mesoscope('verify A --json')).stdout);
    expect(own.claims[0].instanceHash).toBe(run.claims[0].instanceHash);
    const other = JSON.parse((await mesoscope('verify A --set bend=0.5 --json')).stdout);
    expect(other.claims[0].instanceHash).not.toBe(run.claims[0].instanceHash);
  });

  it('looks at the machine', async () => {
    const { stdout } = await mesoscope('doctor --json');
    const { findings } = JSON.parse(stdout);
    const named = Object.fromEntries(
      findings.map((f: { name: string; state: string }) => [f.name, f.state]),
    );
    expect(named).toMatchObject({ node: 'good', simd: 'good', kernels: 'good', folder: 'good' });
    expect((await mesoscope('doctor')).stdout.split('\n').length).toBeGreaterThan(7);
  });

  it('shows help and version with exit 0', async () => {
    expect(await mesoscope('--help')).toMatchObject({ code: 0, stderr: '' });
    expect((await mesoscope('--version')).stdout).toMatch(/^\d+\.\d+\.\d+/);
  });
});
