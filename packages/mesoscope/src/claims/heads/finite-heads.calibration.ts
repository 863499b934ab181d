import { afterAll, expect, it } from 'vitest';
import { randomExperiment } from '../../heads/experiment.ts';
import { limitsOf } from '../../heads/finite-heads.ts';
import { labelledFeatures } from '../../heads/labelled-features.ts';
import { samplingErrors } from '../../heads/sampling-errors.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { type Interval, meanInterval } from '../../numeric/fit.ts';
import { randomStream } from '../../numeric/random.ts';
import { sampledOrder } from '../order.ts';

/**
 * The four sampling intervals of B.finite-heads on laws whose values are a hundredth of the claim's: there the cross-entropy is quadratic
 * to 1e-4, so that the orders are −1 and −1/2 and the ratios to the limits 1, at every N. One law, 8 groups of 25 draws.
 */
const seeds = 200;
const sampling = { counts: [64, 128, 256, 512], groups: 8, draws: 25 };

const backend = await createWasmBackend({ threads: 1 });
afterAll(() => backend.dispose());

const contains = (interval: Interval | null, truth: number) =>
  interval !== null && interval[0] <= truth && truth <= interval[1];

it('95 % intervals contain the orders and limits in 90 to 99 % of the seeds', () => {
  const { counts } = sampling;
  const covered = Array.from({ length: seeds }, (_, seed) =>
    backend.scoped(() => {
      const { problem, law } = randomExperiment(backend, seed, 0, {
        ...{ regularisation: 0, heads: 24, value: 0.01, sequences: 4, tokens: 3 },
      });
      const features = labelledFeatures(problem, law.parameters);
      const errors = samplingErrors(features, law, sampling, randomStream(seed, 'drawn heads'));
      const order = (rows: number[][], of: number) => {
        const asked = { name: '', failsIf: '', side: 'exactly' as const, bias: 0 };
        return contains(sampledOrder({ ...asked, scales: counts, rows, order: of }).interval, of);
      };
      const limit = (ratio: Parameters<typeof limitsOf>[2]) =>
        contains(meanInterval(limitsOf([errors], counts, ratio)).interval, 1);
      return {
        gap: order(errors.gaps, -1),
        fluctuation: order(errors.fluctuations, -0.5),
        gapLimit: limit(({ gaps, gapLimit }, g, n) => (counts[n] * gaps[g][n]) / gapLimit),
        fluctuationLimit: limit(
          (law, g, n) => (Math.sqrt(counts[n]) * law.fluctuations[g][n]) / law.fluctuationLimit,
        ),
      };
    }),
  );
  for (const name of ['gap', 'fluctuation', 'gapLimit', 'fluctuationLimit'] as const) {
    const share = covered.filter((one) => one[name]).length / seeds;
    console.info(`B.finite-heads, ${name}: ${100 * share} % of ${seeds} intervals`);
    expect.soft(share, name).toBeGreaterThanOrEqual(0.9);
    expect.soft(share, name).toBeLessThanOrEqual(0.99);
  }
}, 600_000);
