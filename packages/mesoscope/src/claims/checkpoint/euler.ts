import type { RefinementRecord } from '../../checkpoint/depth/refinement.ts';
import { type FlowRefinement, flowRefinement } from '../../checkpoint/depth/trained-flow.ts';
import type { Backend } from '../../kernels/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import { firstLookText, trainTextFlow } from '../../task/text/index.ts';
import { atLeast, atMost, sampledMean } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { givenModel, onModels, subject } from './instance.ts';
import { doublingsField, refineModel } from './refined-model.ts';

/** The distance to its flow below which a network counts as near it: a choice of this project. */
const near = 0.1;

/** The least movement of the tokens at which being near a flow says something: a choice of this project. */
const moving = 0.3;

const instance = onModels({ label: 'inputs', shared: { doublings: doublingsField }, own: {} });
type Instance = ReturnType<typeof instance.parse>;

export interface EulerMeasured {
  readonly model: RefinementRecord;
  /** A network of ours, trained by depth refinement, with a seed of its own. */
  readonly control: FlowRefinement;
}

const words = ['the law', 'of heads', 'moves', 'along', 'a field', 'with', 'depth', 'and so on'];

/** A small network trained by depth refinement on sentences of few words, 2 to 16 layers. */
export async function trainedControl(
  backend: Backend,
  seed: number,
  doublings: number,
): Promise<FlowRefinement> {
  const random = randomStream(seed, 'sentences of a control');
  const text = Array.from({ length: 1500 }, () => words[random.integer(words.length)]).join(' ');
  return backend.scopedAsync(async () => {
    const { problem, parameters, probe } = await trainTextFlow(backend, text, {
      ...firstLookText,
      seed,
      context: 16,
      dimension: 16,
      heads: 2,
      hidden: 32,
      batch: 8,
      stages: [2, 4, 8, 16].map((layers) => ({ layers, steps: 320 / layers })),
      reportEvery: 1000,
      reportSequences: 8,
      finalSequences: 8,
    });
    return flowRefinement({ problem, parameters, batch: probe }, doublings + 1);
  });
}

/** What the distances of a model on several inputs, and of networks of ours, say. */
export function eulerConclusion(measured: readonly EulerMeasured[], name: string): Conclusion {
  const gapsOf = (of: (one: EulerMeasured) => RefinementRecord) =>
    measured.map((one) => of(one).gap ?? { value: Number.NaN, error: Number.NaN });
  const gaps = gapsOf(({ model }) => model);
  const controls = gapsOf(({ control }) => control);
  const values = gaps.map(({ value }) => value);
  const errors = gaps.map(({ error }) => error);
  const extrapolated = Math.max(...errors.map((error, i) => error / values[i]));
  const moved = measured.map(({ control }) => control.moved);
  const distance = sampledMean(values);
  const control = sampledMean(controls.map(({ value }) => value));
  return {
    hypotheses: [],
    resolution: [
      {
        name: 'the limit is extrapolated to a quarter of the distance',
        holds: extrapolated <= 0.25,
        value: extrapolated,
      },
      {
        name: 'the networks of ours move their tokens (least |h_T − h_0|/|h_T|)',
        holds: Math.min(...moved) >= moving,
        value: Math.min(...moved),
      },
    ],
    checks: [
      atLeast({
        ...distance,
        name: 'distance of the model to its own flow, |X^(1) − X^(∞)|/|X^(∞)|',
        failsIf: 'the model is near the flow of its layers, as networks refined in depth are',
        bias: Math.max(...errors),
        expected: near,
      }),
      atMost({
        ...control,
        name: 'the same of networks trained here by depth refinement',
        failsIf: 'training by depth refinement does not keep a network near its flow',
        bias: Math.max(...controls.map(({ error }) => error)),
        expected: near,
      }),
    ],
    evidence: {
      distance: values,
      'distance, open': errors,
      'distance, networks of ours': controls.map(({ value }) => value),
      'movement, networks of ours': moved,
      'threshold of the distance': `${near}, a choice of this project`,
    },
    summary: `${name} are ${distance.measured.toPrecision(3)} away from the flow of their layers; networks of 16 layers that were trained by depth refinement ${control.measured.toPrecision(3)}.`,
    figures: [],
  };
}

/** No checkpoint looked at so far is near its own flow; networks trained by depth refinement are (arXiv 2205.14612). */
export const euler = claim<Instance, EulerMeasured>({
  id: 'P.euler',
  title: 'A trained model is far from its own flow, unless it was trained to be near',
  statement:
    'Layers trained without regard to depth are no small steps: $|X^{(1)} - X^{(\\infty)}| > 0.1\\,|X^{(\\infty)}|$. For a network trained by depth refinement it is at most $0.1$.',
  trust: { statement: 'D', threshold: 'D' },
  references: [
    {
      key: 'sander2022resnets',
      title: 'Do Residual Neural Networks discretize Neural Ordinary Differential Equations?',
      authors: ['Sander', 'Ablin', 'Peyré'],
      year: 2022,
      arxiv: '2205.14612',
    },
  ],
  given: instance,
  async measure(context) {
    const { backend, given, seed, index, progress } = context;
    const halfway = { backend, progress: (share: number) => progress(share / 2) };
    const model = await refineModel(halfway, await givenModel(context), given.doublings);
    const control = await trainedControl(backend, 1000 * seed + index, given.doublings);
    return { model, control };
  },
  conclude: (measured, { given }) => eulerConclusion(measured, subject(given)),
});
