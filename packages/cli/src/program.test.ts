import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Claim } from 'mesoscope/claims';
import { claims as realClaims } from 'mesoscope/claims';
import { decodeNpz } from 'mesoscope/formats';
import { Interrupted, type Study } from 'mesoscope/study';
import { beforeEach, describe, expect, it } from 'vitest';

import { run } from './program.ts';
import {
  eulerFigure,
  exactClaim,
  type Halved,
  type ToyConfiguration,
  toyCatalogue,
  toyClaim,
  toyEnvironment,
  toyStudy,
} from './toy.fixture.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mesoscope-'));
});

/** Runs a command line; `interruptAfter` presses Ctrl-C when so many metrics were written. */
async function mesoscope(line: string | readonly string[], interruptAfter?: number) {
  let press = () => {};
  const study: Study<ToyConfiguration, Halved> = {
    ...toyStudy,
    piece: (configuration, context) =>
      toyStudy.piece(configuration, {
        ...context,
        metric(record) {
          context.metric(record);
          if (record.step === interruptAfter) press();
        },
      }),
  };
  const catalogue = toyCatalogue(undefined, [study as Study]);
  const { environment, stdout, stderr, interrupt } = toyEnvironment(directory, catalogue);
  press = interrupt;
  const code = await run(typeof line === 'string' ? line.split(' ') : line, environment);
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

const files = (path: string) => readdirSync(join(directory, path)).sort();
const json = (path: string) => JSON.parse(readFileSync(join(directory, path), 'utf8'));

describe('verify', () => {
  it('prints a table and exits 0', async () => {
    const { code, stdout } = await mesoscope('verify');
    expect(code).toBe(0);
    expect(stdout).toMatch(/A\.toy-order .* holds\n/);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('prints one JSON document and nothing else with --json', async () => {
    const { code, stdout, stderr } = await mesoscope('verify A --json');
    expect(code).toBe(0);
    const { claims } = JSON.parse(stdout);
    expect(claims).toHaveLength(1);
    expect(claims[0]).toMatchObject({
      id: 'A.toy-order',
      paper: 'A',
      verdict: 'holds',
      expected: -1,
    });
    expect(claims[0].evidence['errors.L2']).toEqual([null, 1]);
    expect(stderr).toContain('A.toy-order');
  });

  it('exits 1 where a claim fails, 0 where it is outside its assumptions', async () => {
    expect((await mesoscope('verify A --set bend=0.5')).code).toBe(1);
    const outside = await mesoscope('verify A --set horizon=-1');
    expect(outside.code).toBe(0);
    expect(outside.stdout).toContain('outside');
  });

  it('reports a claim that throws, runs the others, and exits 1', async () => {
    writeFileSync(join(directory, 'i.json'), '{ "A.toy-order": { "horizon": 13 } }');
    const { code, stdout } = await mesoscope('verify --config i.json --json');
    expect(code).toBe(1);
    const { claims } = JSON.parse(stdout);
    expect(claims.map((claim: { verdict: string }) => claim.verdict)).toEqual([null, 'holds']);
    expect(claims[0].error.message).toBe('the oracle is silent');
  });

  it('exits 2 where a claim refuses the instance while it runs', async () => {
    const { code, stdout } = await mesoscope('verify A --set horizon=14 --json');
    expect(code).toBe(2);
    expect(JSON.parse(stdout).claims[0].error.code).toBe('not-finite');
  });

  it('leaves a bundle with --out', async () => {
    const { code } = await mesoscope('verify --out proof --seed 4');
    expect(code).toBe(0);
    expect(files('proof/figures')).toEqual(['A.toy-order.svg']);
    expect(json('proof/run.json')).toMatchObject({ study: 'verify', seed: 4 });
  });
});

describe('an interrupted verification', () => {
  /** Presses Ctrl-C while the second claim runs. */
  async function interrupted(line: string) {
    let press = () => {};
    const stopping: Claim = {
      ...(exactClaim as Claim),
      measure() {
        press();
        throw new Interrupted('ended');
      },
    };
    const catalogue = toyCatalogue([toyClaim as Claim, stopping]);
    const { environment, stdout, stderr, interrupt } = toyEnvironment(directory, catalogue);
    press = interrupt;
    const code = await run(line.split(' '), environment);
    return { code, stdout: stdout.text(), stderr: stderr.text() };
  }

  it('has said which verdicts were drawn, and says how much is done', async () => {
    const { code, stdout, stderr } = await interrupted('verify');
    expect(code).toBe(130);
    expect(stdout).toBe('');
    expect(stderr).toContain('A.toy-order holds');
    expect(stderr).not.toContain('C.toy-exact holds');
    expect(stderr).toContain('1 of 2 pieces of work are done');
  });

  it('goes on to the same bundle, running only what is missing', async () => {
    const { stderr } = await interrupted('verify --out proof --seed 4 --full');
    expect(stderr).toContain('Continue with: mesoscope verify --resume proof.partial');
    expect(files('.')).toEqual(['proof.partial']);
    const { code, stderr: resumed } = await mesoscope('verify --resume proof.partial');
    expect(code).toBe(0);
    expect(resumed).not.toContain('A.toy-order holds');
    await mesoscope('verify --out straight --seed 4 --full');
    expect(files('.')).toEqual(['proof', 'straight']);
    for (const field of ['seed', 'configuration'] as const) {
      expect(json('proof/run.json')[field]).toEqual(json('straight/run.json')[field]);
    }
    const verdicts = (name: string) =>
      json(`${name}/run.json`).claims.map(({ id, measured, verdict }: Record<string, unknown>) => [
        ...[id, measured, verdict],
      ]);
    expect(verdicts('proof')).toEqual(verdicts('straight'));
    expect(readFileSync(join(directory, 'proof/arrays.npz'))).toEqual(
      readFileSync(join(directory, 'straight/arrays.npz')),
    );
  });

  it('refuses other settings', async () => {
    await interrupted('verify --out proof');
    const { code, stderr } = await mesoscope('verify --resume proof --seed 3');
    expect(code).toBe(2);
    expect(stderr).toContain('the run goes on with its own');
    expect(files('.')).toEqual(['proof.partial']);
  });
});

it('leaves no folder where an instance is refused', async () => {
  const { code } = await mesoscope('verify A --out proof --set horizn=1');
  expect(code).toBe(2);
  expect(readdirSync(directory)).toEqual([]);
});

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
