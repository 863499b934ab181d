import { afterAll, describe, expect, test } from 'vitest';
import { attentionView } from '../../checkpoint/attention-view.ts';
import { overwritten } from '../../checkpoint/overwrite.ts';
import { type ClosureLaw, closureErrors, closureLaw } from '../../checkpoint/statistics/closure.ts';
import { gaussianInput } from '../../gaussian/practice/measure-source.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { runClaim } from '../run.ts';
import { closure } from './closure.ts';
import { randomModel } from './instance.ts';

const backend = await createWasmBackend();
afterAll(() => backend.dispose());

const shape = { layers: 2, dimension: 32, heads: 4, hidden: 32, sharpness: 0.5 };

test.each([
  ['bert', 'holds'],
  ['gpt2', 'outside'],
  ['llama', 'outside'],
] as const)('P.closure on random %s models %s', async (architecture, expected) => {
  const { finding } = await runClaim({ claim: closure, instance: { architecture } }, { backend });
  expect(finding.verdict).toBe(expected);
});

describe('the level of the error', () => {
  const level = async (change: (law: ClosureLaw) => ClosureLaw) => {
    const model = overwritten(randomModel({ ...shape, architecture: 'bert' }, 3), { norm: 'off' });
    const layer = await model.layer(0);
    const headsAt = (seed: number, n: number) =>
      attentionView(backend, layer, gaussianInput(seed, n, shape.dimension)).heads;
    // So many tokens that their moments are those of the law.
    const laws = headsAt(1, 4000).map(closureLaw).map(change);
    const ratios = [2, 3, 4, 5].flatMap((seed) => {
      const heads = headsAt(seed, 256);
      return laws.flatMap((law, h) =>
        closureErrors(law, heads[h]).map(({ square, predicted }) => square / predicted),
      );
    });
    return ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
  };

  test('is the predicted one, and no longer where A is doubled or of the other sign', async () => {
    expect(Math.abs((await level((law) => law)) - 1)).toBeLessThan(0.25);
    for (const factor of [2, -1]) {
      const wrong = await level(({ map, ...law }) => ({
        ...law,
        map: { ...map, data: map.data.map((x) => factor * x) },
      }));
      expect(wrong).toBeGreaterThan(2);
    }
  });
});
