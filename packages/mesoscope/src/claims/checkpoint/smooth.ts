import * as z from 'zod';
import { type LayerField, layerFields } from '../../checkpoint/depth/layer-fields.ts';
import type { LoadedLayer, Model } from '../../checkpoint/model.ts';
import { withRandomWeights } from '../../checkpoint/random-weights.ts';
import { binomialInterval } from '../../numeric/fit.ts';
import { atLeast, sampledMean } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { depthFigure, mean } from './depth-curves.ts';
import { givenModel, onModels, subject } from './instance.ts';

const instance = onModels({
  label: 'inputs',
  shared: {},
  own: {
    layers: z.int().min(1).default(10).describe('L'),
    persistence: z
      .number()
      .min(0)
      .max(1)
      .default(0.9)
      .describe('correlation of the weights of neighbouring layers of the random models'),
  },
});
type Instance = ReturnType<typeof instance.parse>;

export interface SmoothMeasured {
  readonly shared: boolean;
  readonly fields: readonly LayerField[];
  /** Of the same architecture with matrices drawn anew at the norms that they have. */
  readonly random: readonly LayerField[];
}

/** A random model whose weights change little from layer to layer: `θ_{l+1} = ρ θ_l + √(1 − ρ²) ξ_{l+1}`. */
function persistent(model: Model, correlation: number): Model {
  const fresh = Math.sqrt(1 - correlation ** 2);
  return {
    ...model,
    async layer(l): Promise<LoadedLayer> {
      const layer = await model.layer(0);
      const parameters = layer.parameters.slice();
      for (let k = 1; k <= l; k++) {
        const own = await model.layer(k);
        for (let i = 0; i < parameters.length; i++) {
          parameters[i] = correlation * parameters[i] + fresh * own.parameters[i];
        }
      }
      return { ...layer, parameters };
    },
  };
}

/** What the fields of one model's layers on several inputs say. */
export function smoothConclusion(measured: readonly SmoothMeasured[], name: string): Conclusion {
  const layers = measured[0].fields.length;
  const pairs = Array.from({ length: Math.max(0, layers - 1) }, (_, l) => l);
  const of = (
    l: number,
    number: (field: LayerField) => number | null,
    from: keyof Fields = 'fields',
  ) => measured.flatMap((one) => number(one[from][l]) ?? []);
  const neighbour = ({ neighbour: n }: LayerField) => n?.cosine ?? null;
  const far = ({ far }: LayerField) => far;
  const excesses = pairs.flatMap((l) => {
    const beside = of(l, far);
    return beside.length === 0 ? [] : [mean(of(l, neighbour)) - mean(beside)];
  });
  const above = excesses.filter((excess) => excess > 0).length;
  const [low, high] = binomialInterval(above, Math.max(1, excesses.length));
  const differences = pairs.map((l) => mean(of(l, ({ neighbour: n }) => n?.difference ?? null)));
  const excess = sampledMean(excesses);
  return {
    hypotheses: [
      {
        name: 'layers have weights of their own',
        holds: !measured[0].shared,
        value: measured[0].shared ? 'all layers share theirs: one field' : 'yes',
      },
    ],
    resolution: [
      {
        name: 'six pairs of layers or more, of which a sign test can tell anything',
        holds: excesses.length >= 6,
        value: excesses.length,
      },
    ],
    checks: [
      atLeast({
        ...excess,
        name: 'cosine of neighbouring fields above that of distant ones, mean over layers',
        failsIf: 'fields of neighbouring layers are no more alike than those of any two',
        expected: 0,
      }),
      atLeast({
        name: 'share of layers more like their neighbour than like distant ones',
        failsIf: 'fewer than half of them are',
        measured: above / excesses.length,
        interval: [low, high],
        expected: 0.5,
      }),
    ],
    evidence: {
      'cosine to the next layer': pairs.map((l) => mean(of(l, neighbour))),
      'cosine to distant layers': pairs.map((l) => mean(of(l, far))),
      'cosine to the next layer, random weights': pairs.map((l) =>
        mean(of(l, neighbour, 'random')),
      ),
      '|f_{l+1} − f_l|/|f_l|': differences,
      'times L, which a smooth family keeps bounded': differences.map((one) => layers * one),
    },
    summary: `Fields of neighbouring layers of ${name} are more alike than distant ones by ${excess.measured.toPrecision(2)} in cosine (${above} of ${excesses.length} layers); they differ by ${mean(differences).toPrecision(3)} of their size, √2 for independent ones.`,
    figures: [
      depthFigure(
        {
          id: 'P.smooth',
          title: 'Neighbouring fields at one cloud',
          caption:
            'Cosine of f_l and f_{l+1} at x_l, where no basis of a head enters: near 1 for a family that is smooth in depth. Bands: 95 % over inputs.',
          y: { label: 'cosine' },
        },
        [
          { series: 'neighbours', values: pairs.map((l) => of(l, neighbour)) },
          { series: 'null: distant layers', values: pairs.map((l) => of(l, far)) },
          { series: 'null: random weights', values: pairs.map((l) => of(l, neighbour, 'random')) },
        ],
      ),
    ],
  };
}
type Fields = Pick<SmoothMeasured, 'fields' | 'random'>;

/** Neighbouring layers act more alike than distant ones, though far from a smooth family. */
export const smooth = claim<Instance, SmoothMeasured>({
  id: 'P.smooth',
  title: 'Neighbouring layers act more alike than distant ones',
  statement:
    "At the cloud $x_l$ the fields of neighbouring layers align more than those of distant ones: $\\cos(f_l, f_{l+1}) > \\cos(f_l, f_{l'})$, $|l - l'| \\ge 2$, on average over layers and for most of them.",
  trust: { statement: 'D' },
  given: instance,
  async measure(context) {
    const { backend, given, seed, index, progress } = context;
    const { model: found, initial } = await givenModel(context);
    const model = given.explicit ? found : persistent(found, given.persistence);
    const { layers } = model.blueprint;
    const prefixes = new Set(
      Array.from({ length: layers }, (_, l) => model.blueprint.layer(l).prefix),
    );
    const half = (from: number) => (share: number) => progress((from + share) / 2);
    const fields = await layerFields(backend, model, initial, { progress: half(0) });
    const drawn = withRandomWeights(model, 1000 * seed + index);
    const random = await layerFields(backend, drawn, initial, { progress: half(1) });
    return { shared: layers > 1 && prefixes.size === 1, fields, random };
  },
  conclude: (measured, { given }) => smoothConclusion(measured, subject(given)),
});
