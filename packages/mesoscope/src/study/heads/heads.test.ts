import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../kernels/backend.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import type { StudyResult } from '../study.ts';
import { continuedResult, resultOf } from '../test-support.ts';
import { teacherSchema, textSchema } from './schema.ts';
import { teacherStudy } from './teacher.ts';
import { textStudy } from './text.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await createWasmBackend({ heapMegabytes: 512 });
});
afterAll(() => backend.dispose());

const prose = 'Call me Ishmael. Some years ago, never mind how long precisely. '.repeat(20);

const corpus = async () => prose;
const run = (configuration: unknown) => resultOf(teacherStudy, configuration, { backend });

const small = {
  heads: [1, 12, 4],
  flow: { steps: 20, reports: 3 },
  growth: { rounds: 3, descent: 20 },
  search: { starts: 12, iterations: 30, boxes: 50 },
  fixed: [1, 4],
};
const teacher = teacherSchema.parse({
  ...small,
  dimension: 2,
  classes: 3,
  sequences: 10,
  tokens: 4,
  bifurcation: [0.02, 0.2],
});

function rowsOf({ shape: [rows, columns], data }: StudyResult['arrays'][string]): number[][] {
  return Array.from({ length: rows }, (_, i) => [...data.slice(i * columns, (i + 1) * columns)]);
}

describe('heads/teacher', () => {
  it('ends with a certificate and beats a single head', async () => {
    const result = await run(teacher);
    expect(result.status.kind).toBe('completed');
    expect(result.status.message).toContain('of the global optimum');
    const { risk } = result.headline;
    expect(risk).toBeLessThan(result.headline['best single head'] as number);
    const figures = result.sections.flatMap((section) =>
      section.kind === 'figure' ? [section.figure.id] : [],
    );
    expect(figures).toContain('heads.bifurcation');
    const [cloud] = result.sections.filter((section) => section.kind === 'animation');
    expect(cloud.frames.length).toBe(3);
  });

  it('continues after any interrupt to the same numbers', async () => {
    const whole = await run(teacher);
    for (const metrics of [2, 6, 9]) {
      const resumed = await continuedResult(teacherStudy, teacher, { backend }, metrics);
      expect(resumed.arrays['growth.heads'].data).toEqual(whole.arrays['growth.heads'].data);
      expect(resumed.arrays['flow.heads.12'].data).toEqual(whole.arrays['flow.heads.12'].data);
      expect(resumed.headline).toEqual(whole.headline);
      const cloud = ({ sections }: StudyResult) =>
        sections.find((section) => section.kind === 'animation');
      expect(cloud(resumed)).toEqual(cloud(whole));
    }
  });

  it('follows the flow of each number of heads to its gap', async () => {
    const { arrays, sections } = await run(teacher);
    const rows = rowsOf(arrays['flow.reports']);
    const last = rows.filter(([, steps]) => steps === teacher.flow.steps);
    expect(last.map(([heads]) => heads)).toEqual([1, 4, 12]);
    for (const [, , , , slope, gap] of last) {
      expect(slope).toBeGreaterThan(0);
      expect(gap).toBeGreaterThan(0);
    }
    const tables = sections.filter((section) => section.kind === 'table');
    const ends = tables.find(({ title }) => title.startsWith('Flows'));
    expect(ends?.rows.map(([heads]) => heads)).toEqual([1, 4, 12]);
  });

  it('draws sequences and noise anew after a resume, as they were', async () => {
    const flow = {
      ...teacher.flow,
      kind: 'one-sample' as const,
      step: 0.2,
      temperature: 1e-3,
      schedule: { power: 0.5, time: 2 },
    };
    const random = { ...teacher, heads: [4], flow, growth: { ...teacher.growth, rounds: 1 } };
    const whole = await run(random);
    // One round of growth and its start come before the flow.
    const resumed = await continuedResult(teacherStudy, random, { backend }, 3);
    const heads = whole.arrays['flow.heads.4'].data;
    expect(resumed.arrays['flow.heads.4'].data).toEqual(heads);
    for (const change of [
      { kind: 'full-gradient' as const },
      { temperature: 0 },
      { schedule: { power: 0, time: 2 } },
    ]) {
      const other = await run({ ...random, flow: { ...flow, ...change } });
      expect(other.arrays['flow.heads.4'].data).not.toEqual(heads);
    }
  });

  it('keeps all heads in the ball, where no regularisation is needed', async () => {
    const configuration = teacherSchema.parse({
      ...teacher,
      regularisation: 0,
      radius: 1.5,
      bifurcation: [],
    });
    const { arrays, status } = await run(configuration);
    expect(status.message).not.toContain('Infinity');
    for (const name of ['growth.heads', 'flow.heads.12', 'flow.heads.1']) {
      for (const head of rowsOf(arrays[name])) {
        expect(Math.hypot(...head)).toBeLessThan(1.5 + 1e-9);
      }
    }
    const norms = rowsOf(arrays['flow.heads.12']).map((head) => Math.hypot(...head));
    expect(Math.max(...norms)).toBeGreaterThan(1.5 - 1e-9);
    expect(teacherSchema.safeParse({ regularisation: 0 }).success).toBe(false);
    expect(teacherSchema.safeParse({ heads: [4097] }).success).toBe(false);
  });
});

describe('heads/text', () => {
  it('learns the next character', async () => {
    const configuration = textSchema.parse({
      ...small,
      sequences: 20,
      testSequences: 8,
      context: 6,
    });
    const { status, headline } = await resultOf(textStudy, configuration, {
      backend,
      corpus,
    });
    expect(status.kind).toBe('completed');
    expect(headline.risk).toBeLessThan(headline['risk of the best single head'] as number);
    expect(headline['held-out bits per character']).toBeLessThan(4);
    expect(headline['validation bits per character']).toBeLessThan(4);
    expect(headline['beats the best single head in risk']).toContain('yes');
    expect(headline['beats it in held-out bits']).toMatch(/yes|no/);
  });
});
