import { expect, it } from 'vitest';
import { controlledMean } from '../../heads/coupled-runs.ts';
import { randomStream } from '../../numeric/random.ts';
import { sampledOrder } from '../order.ts';

/**
 * The intervals of B.chaos are Student-t over groups of the slopes of root mean squares, of risks with a control. Draws of its
 * kind: `(a g + b e)/√N` with independent normal g, e, whose order is −1/2 exactly, and the control g² of mean 1; correlations of the
 * squares as measured, and none. Groups and draws of the claim's own experiments.
 */
const seeds = 400;
const [groups, draws] = [16, 16];
const scales = [8, 16, 32, 64, 128];

it.each([0, 0.74, 0.87, 0.96])(
  '95 % intervals contain −½ in 90 to 99 %%: correlation %s',
  (correlation) => {
    const a = Math.sqrt(correlation);
    const b = Math.sqrt(1 - correlation);
    const covered = Array.from({ length: seeds }, (_, seed) => {
      const random = randomStream(seed, 'calibration of controlled means');
      const rows = Array.from({ length: groups }, () =>
        scales.map((N) => {
          const pairs = Array.from({ length: draws }, () => {
            const g = random.normal();
            return { control: g ** 2 / N, square: (a * g + b * random.normal()) ** 2 / N };
          });
          const squares = pairs.map(({ square }) => square);
          return Math.sqrt(
            correlation === 0
              ? squares.reduce((sum, square) => sum + square, 0) / draws
              : controlledMean(
                  squares,
                  pairs.map(({ control }) => control),
                  1 / N,
                ),
          );
        }),
      );
      const asked = { name: '', failsIf: '', side: 'exactly' as const, bias: 0 };
      const { interval } = sampledOrder({ ...asked, scales, rows, order: -0.5 });
      return interval !== null && interval[0] <= -0.5 && -0.5 <= interval[1];
    }).filter(Boolean).length;
    const share = covered / seeds;
    console.info(`B.chaos, correlation ${correlation}: ${100 * share} % of ${seeds} intervals`);
    expect(share).toBeGreaterThanOrEqual(0.9);
    expect(share).toBeLessThanOrEqual(0.99);
  },
);
