import { attention, parametersFromMatrices, randomStream, simulate, study } from 'mesoscope';
import * as z from 'zod';

const identity = [
  [1, 0],
  [0, 1],
];

/** How far a cloud contracts, over β: one piece for each β, on any thread. Run with `mesoscope study ./temperature.js`. */
export const temperature = study({
  name: 'own/temperature',
  title: 'Contraction against temperature',
  description: 'Variance of 32 tokens after the flow ẋ = −Att(x), over the inverse temperature β.',
  schema: z.strictObject({
    seed: z.int().min(0).default(1),
    betas: z
      .array(z.number().min(0))
      .min(1)
      .default([0, 0.5, 1, 2, 4, 8])
      .describe('β of the scores β⟨x, y⟩'),
    horizon: z.number().positive().default(1).describe('T'),
  }),
  pieces: ({ betas }) => betas.length,
  label: ({ betas }, index) => `β = ${betas[index]}`,
  piece({ seed, betas, horizon }, { backend, index }) {
    const random = randomStream(seed, 'own tokens');
    const tokens = Array.from({ length: 32 }, () => [random.normal(), random.normal()]);
    const field = attention({ dimension: 2, heads: 1, keyDimension: 2, scale: betas[index] });
    const V = [
      [-1, 0],
      [0, -1],
    ];
    const parameters = parametersFromMatrices(field, { Q: [identity], K: [identity], V: [V] });
    const { states } = simulate(backend, { field, parameters, tokens, horizon });
    const last = states[states.length - 1];
    const mean = [0, 1].map((a) => last.reduce((sum, x) => sum + x[a] / 32, 0));
    return last.reduce((sum, x) => sum + ((x[0] - mean[0]) ** 2 + (x[1] - mean[1]) ** 2) / 32, 0);
  },
  finish: ({ betas }, variances) => ({
    claims: [],
    sections: [
      {
        kind: 'figure',
        figure: {
          id: 'contraction',
          title: 'Contraction against temperature',
          caption: 'Variance of the tokens at depth T.',
          x: { label: 'inverse temperature β' },
          y: { label: 'variance' },
          marks: [
            { kind: 'line', series: 'tokens', x: betas, y: variances },
            { kind: 'dots', series: 'tokens', x: betas, y: variances },
          ],
        },
      },
    ],
    arrays: { variance: { shape: [variances.length], data: Float64Array.from(variances) } },
    headline: { 'variance at the largest β': variances[variances.length - 1] },
    status: { kind: 'completed', message: `${betas.length} temperatures.` },
  }),
});
