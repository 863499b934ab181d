import { afterAll, describe, expect, it } from 'vitest';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { studyByName } from '../registry.ts';
import type { StudyResult } from '../study.ts';
import { resultOf } from '../test-support.ts';
import { gaussianStudies } from './index.ts';

const backend = await createWasmBackend();
afterAll(() => backend.dispose());

async function run(name: string, given: unknown): Promise<StudyResult> {
  return resultOf(studyByName(name, gaussianStudies), given, { backend });
}

const axis = (path: string) => ({ path, from: -1, to: 1, points: 5 });
const narrow = { name: 'narrow', layers: 2, dimension: 12, heads: 3, hidden: 24 };
const small: Record<string, unknown> = {
  'gaussian/steer': {},
  'gaussian/phase': { x: axis('heads.0.B.0.0'), y: axis('W') },
  'gaussian/transformers': { shapes: [narrow], prescribed: narrow, tokens: 32 },
  'gaussian/blow-up': { starts: 3 },
};

describe.each(Object.keys(small))('%s', (name) => {
  it('completes with figures, arrays and a headline, all finite', async () => {
    const result = await run(name, small[name]);
    expect(result.status.kind).toBe('completed');
    expect(result.sections.some((section) => section.kind === 'figure')).toBe(true);
    expect(Object.keys(result.headline).length).toBeGreaterThan(0);
    for (const { shape, data } of Object.values(result.arrays)) {
      expect(shape.reduce((product, size) => product * size, 1)).toBe(data.length);
      expect(data.every(Number.isFinite)).toBe(true);
    }
  }, 60_000);

  it('refuses a misspelt key', async () => {
    await expect(async () => run(name, { sed: 1 })).rejects.toThrow(/sed/);
  });
});

it('gaussian/phase finds the blow-up of one dimension where its solution has it, and refuses unknown paths', async () => {
  const flow = { law: { mean: [0], covariance: [[1]] }, heads: [{ V: [[1]], B: [[1]] }], W: [[1]] };
  const given = {
    flow,
    x: { ...axis('heads.0.B.0.0'), points: 4 },
    y: { ...axis('W.0.0'), points: 4 },
  };
  const { arrays } = await run('gaussian/phase', given);
  // Σ̇ = 2yΣ + 2xΣ²: at x = 1, y = 1 the covariance 1 blows up at log(2)/2.
  expect(arrays.blowUpTime.data[15]).toBeCloseTo(Math.log(2) / 2, 10);
  await expect(run('gaussian/phase', { ...given, x: axis('heads.7.B') })).rejects.toThrow(
    /heads.7.B/,
  );
});

it('gaussian/steer refuses unequal ranks, and approximates on request', async () => {
  const to = {
    mean: [0, 0],
    covariance: [
      [1, 0],
      [0, 0],
    ],
  };
  await expect(run('gaussian/steer', { to })).rejects.toThrow(/rank/);
  const { sections } = await run('gaussian/steer', {
    to,
    bestApproximation: true,
    realisations: ['feed-forward'],
  });
  expect(sections[0].kind).toBe('text');
});

it('gaussian/phase takes one field of an axis alone', () => {
  const { schema } = studyByName('gaussian/phase', gaussianStudies);
  expect(schema.parse({ x: { points: 9 } })).toMatchObject({
    x: { path: 'heads.0.B.0.0', from: -2, to: 2, points: 9 },
    y: { path: 'W', points: 41 },
  });
});
