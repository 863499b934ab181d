import { attentionView } from '../../checkpoint/attention-view.ts';
import { hiddenStates } from '../../checkpoint/hidden-states.ts';
import type { Model } from '../../checkpoint/model.ts';
import { withRandomWeights } from '../../checkpoint/random-weights.ts';
import { headTilt } from '../../checkpoint/statistics/heads.ts';
import type { Backend } from '../../kernels/backend.ts';
import type { Matrix } from '../../numeric/matrix.ts';
import { atMost, sampledMean } from '../check.ts';
import { claim } from '../claim.ts';
import { depthFigure, mean } from './depth-curves.ts';
import { givenModel, onModels, subject } from './instance.ts';

/** Shares of tokens and heads up to which a hypothesis counts as met: a choice of this project. */
const few = 0.05;

const instance = onModels({ label: 'inputs', shared: {}, own: {} });
type Instance = ReturnType<typeof instance.parse>;

/** Shares of (token, head) layer by layer: above the bound, above half of it; and the largest tilt of a head. */
interface Tilts {
  readonly above: readonly number[];
  readonly aboveHalf: readonly number[];
  readonly largest: readonly number[];
}

interface Measured {
  readonly own: Tilts;
  /** Of the same architecture with matrices drawn anew at the norms that they have. */
  readonly random: Tilts;
}

async function tiltsOf(backend: Backend, model: Model, initial: Matrix): Promise<Tilts> {
  const layers: { above: number; aboveHalf: number; largest: number }[] = [];
  for await (const { states, next } of hiddenStates(backend, model, [initial])) {
    if (next === undefined) break;
    const heads = attentionView(backend, next, states[0]).heads.map(headTilt);
    layers.push({
      above: mean(heads.map(({ tiltedShare }) => tiltedShare)),
      aboveHalf: mean(heads.map(({ halfTiltedShare }) => halfTiltedShare)),
      largest: heads.reduce((most, { tilt }) => Math.max(most, tilt), 0),
    });
  }
  return {
    above: layers.map(({ above }) => above),
    aboveHalf: layers.map(({ aboveHalf }) => aboveHalf),
    largest: layers.map(({ largest }) => largest),
  };
}

/** The tilts of a model's heads against the bounds of the closure (arXiv 2606.07600). */
export const tilt = claim<Instance, Measured>({
  id: 'P.tilt',
  title: 'Tilts of the heads against the bound of the closure',
  statement:
    'The scores $s_{ij}$ of a token deviate by $\\sigma_i < \\sqrt{2\\ln n}$, beyond which a sample of $n$ tokens says nothing of the tilted mean: all but 5 % of tokens and heads meet it.',
  trust: { statement: 'D', threshold: 'D' },
  given: instance,
  async measure(context) {
    const { backend, seed, index, progress } = context;
    const { model, initial } = await givenModel(context);
    const own = await tiltsOf(backend, model, initial);
    await progress(0.5);
    const drawn = withRandomWeights(model, 1000 * seed + index);
    return { own, random: await tiltsOf(backend, drawn, initial) };
  },
  conclude(measured, { given }) {
    const shares = measured.map(({ own }) => mean(own.above));
    const nulls = measured.map(({ random }) => mean(random.above));
    const share = sampledMean(shares);
    const series = (name: string, of: (one: Measured) => readonly number[]) => ({
      series: name,
      values: of(measured[0]).map((_, l) => measured.map((one) => of(one)[l])),
    });
    const byLayer = (of: (one: Measured) => readonly number[]) =>
      series('', of).values.map((values) => mean(values));
    return {
      hypotheses: [],
      resolution: [],
      checks: [
        atMost({
          ...share,
          name: 'share of tokens and heads with σ above √(2 ln n)',
          failsIf: `heads of more than ${100 * few} % of all tokens attend to a few of them only`,
          expected: few,
        }),
      ],
      evidence: {
        'share above the bound': shares,
        'share above the bound, random weights': nulls,
        'share above the bound, by layer': byLayer(({ own }) => own.above),
        'share above half of it, by layer': byLayer(({ own }) => own.aboveHalf),
        'largest tilt of a head, by layer': byLayer(({ own }) => own.largest),
        'largest tilt of a head, random weights, by layer': byLayer(({ random }) => random.largest),
        'threshold of the share': `${few}, a choice of this project`,
      },
      summary: `In ${subject(given)} ${percent(share.measured)} of tokens and heads are tilted beyond √(2 ln n), ${percent(mean(nulls))} with matrices drawn anew at the same norms.`,
      figures: [
        depthFigure(
          {
            id: 'P.tilt',
            title: 'Share of tokens and heads beyond the bounds of the closure',
            caption:
              'σ_i above √(2 ln n), the end of the closure, and above half of it, the end of its rate n^{−1/2}. Bands: 95 % over inputs.',
            y: { label: 'share of tokens and heads', domain: [0, 1] },
            rule: { at: few, label: 'few, a choice of this project' },
          },
          [
            series('above √(2 ln n)', ({ own }) => own.above),
            series('above half of it', ({ own }) => own.aboveHalf),
            series('above √(2 ln n), random weights', ({ random }) => random.above),
          ],
        ),
      ],
    };
  },
});

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}
