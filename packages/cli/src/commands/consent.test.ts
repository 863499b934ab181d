import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Study } from 'mesoscope/study';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { run } from '../program.ts';
import { toyCatalogue, toyEnvironment, toyStudy } from '../toy.fixture.ts';
import { createForecast } from './consent.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('createForecast', () => {
  it('extrapolates the first ten seconds, once', () => {
    const forecast = createForecast();
    expect(forecast(0.2, 100)).toBeUndefined();
    expect(forecast(0.21, 105)).toBeUndefined();
    expect(forecast(0.22, 110)).toBeUndefined();
    // 0.02 in 10 s: 0.77 take 385 s.
    expect(forecast(0.23, 115)).toBeCloseTo(385, 9);
    expect(forecast(0.23001, 1000)).toBeUndefined();
  });

  it('takes the start of threads on a busy machine for no work', () => {
    const forecast = createForecast();
    forecast(0, 0);
    expect(forecast(0.001, 50)).toBeUndefined();
    expect(forecast(0.501, 60)).toBeCloseTo(9.98, 9);
  });

  it('waits for the first news of work that is silent', () => {
    const forecast = createForecast();
    forecast(0, 0);
    expect(forecast(0, 3600)).toBeUndefined();
    expect(forecast(0.5, 7200)).toBe(7200);
  });
});

describe('a run whose first ten seconds did a thousandth', () => {
  /** Runs the toy study with steps of ten seconds each. */
  async function slowly(
    steps: number,
    { line = '', ask }: { line?: string; ask?: (question: string) => Promise<boolean> },
  ) {
    const directory = mkdtempSync(join(tmpdir(), 'mesoscope-'));
    vi.restoreAllMocks();
    let late = 0;
    const now = performance.now.bind(performance);
    vi.spyOn(performance, 'now').mockImplementation(() => now() + late);
    const study = {
      ...toyStudy,
      piece: (configuration, context) =>
        toyStudy.piece(configuration, {
          ...context,
          metric(record) {
            late += 10_000;
            context.metric(record);
          },
        }),
    } as typeof toyStudy;
    const { environment, stdout, stderr } = toyEnvironment(
      directory,
      toyCatalogue(undefined, [study as Study]),
    );
    const words = `study toy/decay --out d --set steps=${steps} ${line}`.trim().split(' ');
    const code = await run(words, { ...environment, ask });
    return { code, directory, stdout: stdout.text(), stderr: stderr.text() };
  }

  it('is stopped where there is no terminal, with what is done kept and the way out', async () => {
    const { code, directory, stderr } = await slowly(1000, {});
    expect(code).toBe(2);
    expect(stderr).toContain('the run would take 6 h more');
    expect(stderr).toContain('add --yes');
    expect(stderr).toContain('mesoscope study --resume d.partial');
    expect(readdirSync(join(directory, 'd.partial'))).toContain('pieces');
  });

  it('goes on with --yes, and without a word where it is short', async () => {
    const { code, directory } = await slowly(300, { line: '--yes' });
    expect(code).toBe(0);
    expect(existsSync(join(directory, 'd'))).toBe(true);
    expect((await slowly(30, {})).code).toBe(0);
  });

  it('asks on a terminal; a no keeps what is done, a yes goes on', async () => {
    const questions: string[] = [];
    const answering = (answer: boolean) => async (question: string) => {
      questions.push(question);
      return answer;
    };
    const refused = await slowly(1000, { ask: answering(false) });
    expect(refused.code).toBe(130);
    expect(refused.stderr).toContain('Continue with: mesoscope study --resume d.partial');
    expect(questions).toHaveLength(1);
    expect(questions[0]).toMatch(/^This will take about 5 h 3\d min more\. Go on\?$/);
    const accepted = await slowly(300, { ask: answering(true) });
    expect(accepted.code).toBe(0);
  });
});
