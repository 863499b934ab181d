import { afterAll, describe, expect, test } from 'vitest';
import { throughLayer } from '../../checkpoint/hidden-states.ts';
import { layerBlock, openModel } from '../../checkpoint/model.ts';
import { overwritten } from '../../checkpoint/overwrite.ts';
import { goldenStates, smallCheckpoint } from '../../checkpoint/test-support.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import type { Claim } from '../claim.ts';
import { runClaim } from '../run.ts';
import { parity } from './parity.ts';
import { postnorm } from './postnorm.ts';
import { prescribed } from './prescribed.ts';
import { sink } from './sink.ts';
import { spectra } from './spectra.ts';
import { tilt } from './tilt.ts';

const backend = await createWasmBackend();
afterAll(() => backend.dispose());

async function verdict(claim: Claim, instance: object, seed = 1): Promise<string> {
  const { finding } = await runClaim({ claim, instance }, { backend, seed });
  return finding.verdict;
}

describe('each claim can hold and fail', () => {
  const rows: readonly (readonly [Claim, object, string])[] = [
    [parity, { models: 1 }, 'holds'],
    [parity, { models: 1, architecture: 'llama' }, 'holds'],
    [tilt, { inputs: 2, tokens: 24 }, 'holds'],
    [tilt, { inputs: 4, tokens: 24, sharpness: 8 }, 'fails'],
    [sink, { inputs: 2, tokens: 24 }, 'holds'],
    [sink, { inputs: 2, tokens: 24, outlier: 1 }, 'outside'],
    [sink, { inputs: 4, tokens: 96, outlier: 4 }, 'fails'],
    [postnorm, { inputs: 2, tokens: 16 }, 'holds'],
    [postnorm, { inputs: 2, tokens: 16, architecture: 'gpt2' }, 'outside'],
    [spectra, { models: 2 }, 'holds'],
    [prescribed, { models: 1, inputs: 1, tokens: 64 }, 'holds'],
  ];
  test.each(
    rows.map(([claim, instance, expected]) => [claim.id, instance, expected, claim] as const),
  )('%s %j %s', async (_, instance, expected, claim) => {
    expect(await verdict(claim, instance)).toBe(expected);
  });
});

describe('P.parity on a folder', () => {
  const golden = {
    ids: { shape: [2], type: 'float64', data: Float64Array.of(3, 4) },
  } as const;
  const run = async (instance: object, change: (name: string) => string = (name) => name) => {
    const states = goldenStates('bert');
    if (!('ids' in states.input)) throw new Error('bert reads text');
    const ids = Float64Array.from(states.input.ids);
    const arrays = {
      ...golden,
      ids: { shape: [ids.length], type: 'float64' as const, data: ids },
      ...Object.fromEntries(
        [...states.states]
          .filter(([, { tokens }]) => tokens === undefined)
          .map(([name, { values }]) => [
            change(name),
            { shape: [values.rows, values.columns], type: 'float64' as const, data: values.data },
          ]),
      ),
    };
    const { finding } = await runClaim(
      { claim: parity, instance: { checkpoint: 'bert', ...instance } },
      { backend, trainedModel: smallCheckpoint, arrays: async () => arrays },
    );
    return finding.verdict;
  };

  test('holds against transformers, fails on states of other layers, says nothing without golden states', async () => {
    expect(await run({ golden: 'states' })).toBe('holds');
    const exchanged = (name: string) => ({ h1: 'h2', h2: 'h1' })[name] ?? name;
    expect(await run({ golden: 'states' }, exchanged)).toBe('fails');
    expect(await run({})).toBe('outside');
  });
});

test('a field is never ignored: a text without a checkpoint is refused, and a width that heads do not divide', async () => {
  expect(() => tilt.given.parse({ text: 'x' }, 'quick')).toThrow(/checkpoint/);
  expect(() => tilt.given.parse({ dimension: 10, heads: 4 }, 'quick')).toThrow(/multiple/);
  expect(() => tilt.given.parse({ checkpoint: 'x', layers: 3 }, 'quick')).toThrow(/layers/);
  await expect(
    runClaim({ claim: tilt, instance: { checkpoint: 'x' } }, { backend }),
  ).rejects.toThrow(/host without a source/);
});

describe('overwritten models', () => {
  const ids = [3, 9, 4, 20, 11, 7, 2, 15, 6];
  test('with K = −Q, V = I and no norms add the mean over heads of what tokens see', async () => {
    const model = openModel(await smallCheckpoint('bert'));
    const initial = await model.embed(backend, { ids });
    const { rows: n, columns: d, data: x } = initial;
    const changes = { K: '-Q', V: 'I', norm: 'off', feedForward: 'off' } as const;
    const layer = await overwritten(model, changes).layer(0);
    const [after] = throughLayer(backend, layer, [initial]);
    const Q = layerBlock(await model.layer(0), 'attention.Q');
    const { heads, keyDimension = 1 } = layer.plan.options.attention;
    const query = (i: number, row: number) =>
      Array.from({ length: d }, (_, a) => (Q?.data[row * d + a] ?? 0) * x[i * d + a]).reduce(
        (sum, one) => sum + one,
        0,
      );
    for (let i = 0; i < n; i++) {
      const moved = new Float64Array(d);
      for (let h = 0; h < heads; h++) {
        const weights = Array.from({ length: n }, (_, j) => {
          let score = 0;
          for (let r = h * keyDimension; r < (h + 1) * keyDimension; r++) {
            score -= query(i, r) * query(j, r);
          }
          return Math.exp(score / Math.sqrt(keyDimension));
        });
        const total = weights.reduce((sum, w) => sum + w, 0);
        weights.forEach((w, j) => {
          for (let a = 0; a < d; a++) moved[a] += ((w / total) * x[j * d + a]) / heads;
        });
      }
      for (let a = 0; a < d; a++) {
        expect(after.data[i * d + a]).toBeCloseTo(x[i * d + a] + moved[a], 11);
      }
    }
  });

  test('with nothing prescribed are the same, keys of groups repeated', async () => {
    const model = openModel(await smallCheckpoint('llama'));
    const [own, same] = await Promise.all([model.layer(0), overwritten(model, {}).layer(0)]);
    const heads = own.plan.options.attention.heads;
    const { keyHeads = heads } = own.plan.options.attention;
    const [K, repeated] = [own, same].map((layer) => layerBlock(layer, 'attention.K')?.data);
    expect(repeated?.length).toBe(((K?.length ?? 0) * heads) / keyHeads);
  });
});
