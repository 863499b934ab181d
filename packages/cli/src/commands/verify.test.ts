import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Claim } from 'mesoscope/claims';
import { Interrupted } from 'mesoscope/study';
import { describe, expect, it } from 'vitest';
import { directory, files, json, mesoscope } from '../command-line.fixture.ts';
import { run } from '../program.ts';
import { exactClaim, toyCatalogue, toyClaim, toyEnvironment } from '../toy.fixture.ts';

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
