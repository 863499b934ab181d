import { describe, expect, it } from 'vitest';
import type { TrainingHost, TrainingRecord, TrainingState } from '../../control/training.ts';
import { createReferenceBackend } from '../../kernels/reference/backend.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { firstLookText, type TextFlowConfiguration } from './configuration.ts';
import { continueText, predictNext } from './predictions.ts';
import { trainTextFlow } from './train.ts';

const backend = createReferenceBackend();
// After a vowel comes the consonant that the letter before it tells: a bigram model cannot know it.
const text = Array.from({ length: 300 }, (_, i) => ['bab', 'dad', 'gag'][(i * i + (i >> 2)) % 3])
  .join(' ')
  .concat(' end');
const configuration: TextFlowConfiguration = {
  ...firstLookText,
  context: 8,
  dimension: 8,
  heads: 2,
  keyDimension: 4,
  hidden: 8,
  stages: [
    { layers: 2, steps: 60 },
    { layers: 4, steps: 12 },
  ],
  batch: 8,
  rate: 0.03,
  warmUp: 5,
  reportEvery: 8,
  reportSequences: 4,
  finalSequences: 12,
};

const train = (host: TrainingHost = {}) => trainTextFlow(backend, text, configuration, host);

describe('trainTextFlow', () => {
  it('learns what a bigram model cannot, and reports on the way', async () => {
    const records: TrainingRecord[] = [];
    let last = 0;
    const trained = await train({
      record: async (record) => void records.push(record),
      progress: ({ steps }) => {
        expect(steps).toBe(last + 1);
        last = steps;
      },
    });
    expect(trained.status.kind).toBe('completed');
    expect(last).toBe(72);
    expect(trained.heldOut.bits).toBeLessThan(0.8 * trained.bigram.bits);
    expect(records.map(({ step }) => step)).toEqual([8, 16, 24, 32, 40, 48, 56, 60, 68, 72]);
    expect(trained.problem.layout.layers).toBe(4);

    const model = { ...trained, vocabulary: trained.corpus.vocabulary };
    const [prediction] = predictNext(model, trained.corpus.heldOut, { count: 3, expected: 99 });
    const total = prediction.expected.reduce((sum, { probability }) => sum + probability, 0);
    expect(total).toBeCloseTo(1, 12);
    expect([...prediction.context]).toHaveLength(8);
    const greedy = continueText(model, 'bab dad ', { length: 20, temperature: 0 });
    expect(greedy).toHaveLength(20);
    expect(continueText(model, 'bab dad ', { length: 20, temperature: 0, seed: 9 })).toBe(greedy);
  });

  it('ends with the same numbers when interrupted and continued from what it stored', async () => {
    const short = { ...configuration, stages: [2, 4].map((layers) => ({ layers, steps: 10 })) };
    const trainShort = (host: TrainingHost = {}) => trainTextFlow(backend, text, short, host);
    const whole = await trainShort();
    for (const at of [3, 8, 10, 11]) {
      const controller = new AbortController();
      let stored: TrainingState | undefined;
      const interrupted = await trainShort({
        signal: controller.signal,
        progress: ({ steps }) => {
          if (steps === at) controller.abort();
        },
        record: async (_, state) => {
          stored = structuredClone(state());
        },
      });
      expect(interrupted.status.kind).toBe('interrupted');
      const continued = await trainShort(stored === undefined ? {} : { resume: stored });
      expect(continued.parameters).toEqual(whole.parameters);
      expect(continued.heldOut).toEqual(whole.heldOut);
      expect(continued.records.map(({ loss }) => loss)).toEqual(
        whole.records.map(({ loss }) => loss),
      );
    }
  });

  it('gives the same numbers on one and two threads, those of the reference to rounding', async () => {
    const short = { ...configuration, stages: [2, 4].map((layers) => ({ layers, steps: 10 })) };
    const expected = await trainTextFlow(backend, text, short);
    const runs = await Promise.all(
      [1, 2].map(async (threads) => {
        const wasm = await createWasmBackend({ threads, heapMegabytes: 64 });
        const { parameters, records, heldOut } = await trainTextFlow(wasm, text, short);
        const result = {
          parameters: parameters.slice(),
          losses: records.map((r) => r.loss),
          heldOut,
        };
        wasm.dispose();
        return result;
      }),
    );
    expect(runs[1]).toEqual(runs[0]);
    runs[0].losses.forEach((loss, i) => {
      expect(Math.abs(loss / expected.records[i].loss - 1)).toBeLessThan(1e-10);
    });
  });

  it('says that it diverged, and keeps what there is', async () => {
    const trained = await trainTextFlow(backend, text, { ...configuration, rate: 1e30 });
    expect(trained.status.kind).toBe('diverged');
    expect(trained.status.message).toMatch(/smaller rate/);
  });

  it.each([
    [{ stages: [] }, /stages/],
    [{ stages: [{ layers: 0, steps: 4 }] }, /layers/],
    [{ stages: [2, 6].map((layers) => ({ layers, steps: 1 })) }, /stages\[1\]\.layers/],
    [{ batch: 0 }, /batch/],
    [{ batch: 1e6 }, /batch.*at most/],
    [{ context: 5000 }, /context/],
  ])('refuses %o before any work', async (wrong, message) => {
    await expect(trainTextFlow(backend, text, { ...configuration, ...wrong })).rejects.toThrow(
      message,
    );
  });
});
