import * as z from 'zod';
import { nextTokenLoss, outputChange } from '../../checkpoint/depth/output-change.ts';
import { runPlans } from '../../checkpoint/depth/run-plans.ts';
import {
  interior,
  refined,
  refinedBoundary,
  unchanged,
} from '../../checkpoint/depth/stack-plan.ts';
import { encodedText } from '../../checkpoint/inputs.ts';
import { layerBlock, type Model, withLayers } from '../../checkpoint/model.ts';
import { atLeast, atMost, sampledMean } from '../check.ts';
import { type Conclusion, claim, type MeasureContext } from '../claim.ts';
import { mean } from './depth-curves.ts';
import { givenModel, onModels, subject } from './instance.ts';

const instance = onModels({
  label: 'inputs',
  shared: {},
  own: {
    architecture: z
      .enum(['gpt2', 'llama', 'bert', 'roberta', 'albert', 'modernbert'])
      .default('gpt2')
      .describe('of the random models'),
    layers: z.int().min(1).default(8).describe('L'),
    boundary: z
      .number()
      .positive()
      .default(8)
      .describe('factor of what the first and the last layer of the random models add'),
  },
});
type Instance = ReturnType<typeof instance.parse>;

/** What halving steps costs on one input: cross-entropy in nats, or the relative change of the output. */
export interface InteriorMeasured {
  readonly layers: number;
  readonly unit: 'nats' | '|X′ − X|/|X|';
  /** Of all layers. */
  readonly all: number;
  /** Of all but the first and the last. */
  readonly interior: number;
  /** Of the first and the last. */
  readonly boundary: number;
}

/** The model with its first and last layer adding more. */
function strongBoundary(model: Model, factor: number): Model {
  const { layers } = model.blueprint;
  return withLayers(model, (layer, l) => {
    if (l > 0 && l < layers - 1) return layer;
    const stronger = { ...layer, parameters: layer.parameters.slice() };
    for (const key of ['attention.O', 'attention.bO', 'feedForward.W2', 'feedForward.b2']) {
      const entries = layerBlock(stronger, key)?.data;
      entries?.forEach((x, k) => {
        entries[k] = factor * x;
      });
    }
    return stronger;
  });
}

/** The tokens of this piece's input, where there are any. */
async function tokensOf({ given, data, index }: MeasureContext<Instance>, model: Model) {
  if (!given.explicit || given.gaussian !== 'none' || model.blueprint.head === undefined) return;
  const checkpoint = await data.trainedModel(given.checkpoint);
  const all = given.ids ?? (await encodedText(model, checkpoint, given, data));
  return all[index % all.length];
}

async function measure(context: MeasureContext<Instance>): Promise<InteriorMeasured> {
  const { backend, given, progress } = context;
  const { model: found, initial } = await givenModel(context);
  const model = given.explicit ? found : strongBoundary(found, given.boundary);
  const { layers } = model.blueprint;
  const ids = await tokensOf(context, model);
  const plans = [
    unchanged(layers),
    refined(layers, [0, layers], 2),
    refined(layers, interior(layers), 2),
    refinedBoundary(layers, 2),
  ];
  const outputs = await runPlans(backend, model, initial, plans, progress);
  const [own, ...halved] = outputs;
  const costs: number[] = [];
  const lossOf = async (output: typeof own) =>
    ids === undefined ? undefined : nextTokenLoss(backend, model, output, ids);
  const before = await lossOf(own);
  for (const output of halved) {
    const after = await lossOf(output);
    const isLoss = before !== undefined && after !== undefined;
    costs.push(isLoss ? after - before : outputChange(own, output).state);
  }
  const [all, inside, boundary] = costs;
  const unit = before === undefined ? '|X′ − X|/|X|' : 'nats';
  return { layers, unit, all, interior: inside, boundary };
}

/** What halving the steps of one model on several inputs says. */
export function interiorConclusion(
  measured: readonly InteriorMeasured[],
  name: string,
): Conclusion {
  const [{ layers, unit }] = measured;
  const most = mean(measured.map(({ interior: inside }) => inside));
  const ends = mean(measured.map(({ boundary }) => boundary));
  return {
    hypotheses: [],
    resolution: [
      {
        name: 'the interior has at least twice as many layers as the boundary',
        holds: layers >= 6,
        value: layers,
      },
      {
        name: 'halving all steps changes something',
        holds: measured.every(({ all }) => all !== 0),
        value: mean(measured.map(({ all }) => all)),
      },
    ],
    checks: [
      atLeast({
        ...sampledMean(measured.map(({ boundary, interior: inside }) => boundary - inside)),
        name: `cost of halving the first and the last layer above that of all ${Math.max(0, layers - 2)} between (${unit})`,
        failsIf: 'the two layers at the ends mind shorter steps no more than those between them',
        expected: 0,
      }),
      atMost({
        ...sampledMean(measured.map(({ all, interior: inside }) => inside - all / 2)),
        name: `cost of halving the interior above half of that of halving all (${unit})`,
        failsIf: 'most of what halving all layers costs is due to those in the middle',
        expected: 0,
      }),
    ],
    evidence: {
      unit,
      'cost, all layers': measured.map(({ all }) => all),
      'cost, interior': measured.map(({ interior: inside }) => inside),
      'cost, first and last': measured.map(({ boundary }) => boundary),
    },
    summary: `Two half steps in place of one cost ${name} ${most.toPrecision(3)} ${unit} in all layers but the first and the last, ${ends.toPrecision(3)} in these two.`,
    figures: [],
  };
}

/** The interior of a trained model tolerates a solver's half steps, its boundary layers are maps of their own. */
export const interiorClaim = claim<Instance, InteriorMeasured>({
  id: 'P.interior',
  title: 'The interior tolerates half steps, the boundary does not',
  statement:
    "Two steps of length $\\tfrac12$ in place of every layer cost less in all layers between the first and the last than in these two alone, and less than half of what they cost everywhere: in cross-entropy where the model has logits, in $|X' - X|/|X|$ of its output elsewhere.",
  trust: { statement: 'D' },
  given: instance,
  measure,
  conclude: (measured, { given }) => interiorConclusion(measured, subject(given)),
});
