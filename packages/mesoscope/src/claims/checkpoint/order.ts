import { localOrders, type RefinementRecord } from '../../checkpoint/depth/refinement.ts';
import { type Conclusion, claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { decayInWords, deterministicOrder } from '../order.ts';
import { givenModel, onModels, subject } from './instance.ts';
import { doublingsField, flowInWords, refineModel, stepsOf } from './refined-model.ts';

const instance = onModels({
  label: 'inputs',
  shared: { doublings: doublingsField },
  own: {},
});
type Instance = ReturnType<typeof instance.parse>;

export interface OrderMeasured extends RefinementRecord {
  readonly flow: string;
  /** What rounding makes of a difference. */
  readonly rounding: number;
}

/** What refinements of one model on several inputs say about the order. */
export function orderConclusion(
  measured: readonly OrderMeasured[],
  { doublings, name }: { readonly doublings: number; readonly name: string },
): Conclusion {
  const scales = stepsOf(doublings - 1);
  const rows = measured.map(({ differences }) => differences);
  const order = deterministicOrder({
    name: 'order of |X^(m) − X^(2m)| in m',
    failsIf: 'shorter steps of the layers tend to no flow, or at another order than Euler’s',
    scales,
    rows,
    order: -1,
    side: 'exactly',
    accuracy: measured.map(({ rounding }) => rounding),
  });
  return {
    hypotheses: [],
    resolution: [
      {
        name: 'the network is no flow already: its output changes when steps are halved',
        holds: rows.every(([first, last]) => first > 0 && last > 0),
        value: Math.min(...rows.map(([first]) => first)),
      },
    ],
    checks: [order],
    evidence: {
      'steps m': scales,
      differences: rows,
      'local orders': measured.map(localOrders),
      'flow of a layer': measured[0].flow,
    },
    summary: `Outputs of ${name} with m steps a layer converge ${decayInWords('m', order)} to those of ${measured[0].flow}.`,
    figures: [
      convergenceFigure({
        id: 'P.order',
        title: 'Layers as m steps each',
        caption:
          'Change of the output after the last norm when the steps of all layers are halved once more. Band: range over inputs. Expected: slope −1, once steps are short against the derivative of the fields.',
        scale: 'steps m for each layer',
        quantity: '|X^(m) − X^(2m)|/|X|',
        curves: [{ series: name, scales, rows, slope: -1 }],
      }),
    ],
  };
}

/** Refinement of any checkpoint in depth converges at order 1 to the flow of its layers. */
export const order = claim<Instance, OrderMeasured>({
  id: 'P.order',
  title: 'Refined in depth, a trained model converges at order 1',
  statement:
    'With every layer as $m$ steps of length $1/m$ along its own flow ($\\dot x = A(x) + F(x)$, parts in turn, where a layer normalises before its parts; $\\dot x = B(x) - x$ where it normalises after its sums) the output converges as $m \\to \\infty$, $|X^{(m)} - X^{(2m)}| \\sim C/m$.',
  trust: { statement: 'D' },
  given: instance,
  async measure(context) {
    const { backend, given } = context;
    const found = await givenModel(context);
    const record = await refineModel(context, found, given.doublings);
    const epsilon = backend.precision === 'f64' ? Number.EPSILON : 2 ** -23;
    const steps = 2 ** given.doublings * found.model.blueprint.layers;
    return { ...record, flow: flowInWords(found.model), rounding: 10 * epsilon * Math.sqrt(steps) };
  },
  conclude: (measured, { given }) =>
    orderConclusion(measured, { doublings: given.doublings, name: subject(given) }),
});
