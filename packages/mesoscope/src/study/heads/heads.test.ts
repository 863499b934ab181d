import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../../kernels/backend.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import type { Checkpoint, StudyContext } from '../study.ts';
import { teacherSchema, textSchema } from './schema.ts';
import { teacherStudy } from './teacher.ts';
import { textStudy } from './text.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await createWasmBackend({ heapMegabytes: 512 });
});
afterAll(() => backend.dispose());

const prose = 'Call me Ishmael. Some years ago, never mind how long precisely. '.repeat(20);

function contextWith(more: Partial<StudyContext> = {}): StudyContext {
  return {
    backend,
    corpus: async () => prose,
    images: () => Promise.reject(new Error('none')),
    metric: () => {},
    progress: () => {},
    checkpoint: async () => {},
    ...more,
  };
}

const small = {
  heads: 12,
  flow: { steps: 20, reports: 3 },
  growth: { rounds: 3, descent: 20 },
  search: { starts: 12, iterations: 30 },
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

describe('heads/teacher', () => {
  it('ends with a certificate and beats a single head', async () => {
    const result = await teacherStudy.run(teacher, contextWith());
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

  it('continues from any checkpoint to the same numbers', async () => {
    const checkpoints: Checkpoint[] = [];
    const whole = await teacherStudy.run(
      teacher,
      contextWith({
        checkpoint: async (make) => {
          checkpoints.push(structuredClone(make()));
        },
      }),
    );
    for (const resume of [checkpoints[1], checkpoints[checkpoints.length - 3]]) {
      const resumed = await teacherStudy.run(teacher, contextWith({ resume }));
      expect(resumed.arrays['growth.heads'].data).toEqual(whole.arrays['growth.heads'].data);
      expect(resumed.arrays['flow.heads'].data).toEqual(whole.arrays['flow.heads'].data);
      expect(resumed.headline).toEqual(whole.headline);
    }
  });

  it('stops when it is told to', async () => {
    const controller = new AbortController();
    const result = await teacherStudy.run(
      teacher,
      contextWith({
        signal: controller.signal,
        checkpoint: async () => controller.abort(),
      }),
    );
    expect(result.status.kind).toBe('interrupted');
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
    const { status, headline } = await textStudy.run(configuration, contextWith());
    expect(status.kind).toBe('completed');
    expect(headline.risk).toBeLessThan(headline['risk of the best single head'] as number);
    expect(headline['held-out bits per character']).toBeLessThan(4);
  });
});
