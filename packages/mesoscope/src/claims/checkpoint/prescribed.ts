import * as z from 'zod';
import { hiddenStates } from '../../checkpoint/hidden-states.ts';
import { type Overwrite, overwritten } from '../../checkpoint/overwrite.ts';
import { spread } from '../../checkpoint/statistics/cloud.ts';
import { gaussianInput } from '../../gaussian/practice/measure-source.ts';
import { neverSeen } from '../check.ts';
import { claim } from '../claim.ts';
import { notTrivial } from '../verdict.ts';
import { depthFigure, mean } from './depth-curves.ts';
import { modelOf, onWeights, subject } from './instance.ts';

const instance = onWeights({
  label: 'models and inputs',
  shared: {
    tokens: z.int().min(8).default(128).describe('n, standard normal'),
    inputs: z.int().min(1).max(1000).default(2).describe('independent inputs of each model'),
  },
});
type Instance = ReturnType<typeof instance.parse>;

/** The four prescriptions; M = 2v·(±1) Σ_h Q_hᵀQ_h/(H√k) is positive where both signs agree. */
const prescriptions = (['Q', '-Q'] as const).flatMap((K) =>
  (['I', '-I'] as const).map((V) => ({ K, V })),
);

interface Measured {
  /** `tr Σ/d` from the input on, for each of the prescriptions. */
  readonly traces: readonly (readonly number[])[];
  /** Whether every layer's queries are 0, where attention is the mean whatever is prescribed. */
  readonly flat: boolean;
}

const expands = ({ K, V }: (typeof prescriptions)[number]) => (K === 'Q') === (V === 'I');
const nameOf = ({ K, V }: (typeof prescriptions)[number]) =>
  `K = ${K}, V = ${V}`.replaceAll('-', '−');

/** The regimes of prescribed attention on the queries of a trained model (arXiv 2606.07600). */
export const prescribed = claim<Instance, Measured>({
  id: 'P.prescribed',
  title: 'Prescribed attention on trained queries: bounded and expanding regimes',
  statement:
    'With the queries of the model, $K = \\pm Q$, $V = \\pm I$, no normalisation and no feed-forward part, Gaussian tokens expand where $M = \\pm 2\\sum_h Q_h^\\top Q_h/(H\\sqrt k)$ is positive and stay bounded where it is negative: $\\mathrm{tr}\\,\\Sigma$ grows, or stays below twice its start.',
  trust: { statement: 'P', factor: 'D' },
  given: instance,
  async measure(context) {
    const { backend, given, seed, index, progress } = context;
    const model = await modelOf(context);
    const { dimension, layers } = model.blueprint;
    const initial = gaussianInput(1000 * seed + index, given.tokens, dimension);
    const traces: number[][] = [];
    for (const [i, signs] of prescriptions.entries()) {
      const changes: Overwrite = { ...signs, norm: 'off', feedForward: 'off' };
      const along: number[] = [];
      for await (const { states, depth } of hiddenStates(backend, overwritten(model, changes), [
        initial,
      ])) {
        if (depth > layers) break;
        along.push(spread(states[0]) / dimension);
        await progress((i + depth / layers) / prescriptions.length);
      }
      traces.push(along);
    }
    const flat = traces.every((along) => Math.abs(along[layers] / along[0] - 1) < 1e-12);
    return { traces, flat };
  },
  conclude(measured, { given }) {
    const [{ traces }] = measured;
    const curves = prescriptions.map((signs, i) => ({
      series: nameOf(signs),
      values: traces[i].map((_, l) => measured.map((one) => one.traces[i][l])),
    }));
    const wrong = measured.flatMap((one) =>
      prescriptions.filter((signs, i) => {
        const along = one.traces[i];
        return expands(signs)
          ? !(along[along.length - 1] > along[0])
          : !(Math.max(...along) <= 2 * along[0]);
      }),
    );
    const last = curves.map(({ series, values }) => {
      const growth = mean(values[values.length - 1]) / mean(values[0]);
      return `${series}: ${growth.toPrecision(3)}`;
    });
    return {
      hypotheses: [],
      resolution: [
        notTrivial(
          measured.some(({ flat }) => flat) ? 'attention changes no covariance here' : undefined,
        ),
      ],
      checks: [
        neverSeen({
          name: 'prescriptions that do not do what the sign of M says',
          failsIf: 'M ≺ 0 expands the cloud beyond twice its start, or M ≻ 0 does not expand it',
          seen: wrong.length,
        }),
      ],
      evidence: {
        ...Object.fromEntries(
          curves.map(({ series, values }) => [
            `tr Σ/d, ${series}`,
            values.map((inputs) => mean(inputs)),
          ]),
        ),
        'not as predicted': wrong.length === 0 ? 'none' : wrong.map(nameOf).join('; '),
      },
      summary: `tr Σ over its start after all layers of ${subject(given)}: ${last.join('; ')}.`,
      figures: [
        depthFigure(
          {
            id: 'P.prescribed',
            title: 'Covariance under prescribed attention',
            caption:
              'tr Σ/d along the layers, queries as the model has them. Expected: bounded where the signs of K and V differ, growing where they agree. Bands: 95 % over inputs.',
            y: { label: 'tr Σ/d', scale: 'log' },
          },
          curves,
        ),
      ],
    };
  },
});
