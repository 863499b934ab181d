import type * as z from 'zod';
import type { Population } from '../../control/risk/finite-population.ts';
import type { Backend } from '../../kernels/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import { experimentCount } from '../fields.ts';
import { experiments } from '../given.ts';
import { controlInstanceShape, explicitModel } from './control-instance.ts';

const { h0, labels, U, pooling, heads, keyDimension, hidden } = controlInstanceShape;
const { activation, causal, horizon } = controlInstanceShape;

/** A layer at random controls, and its readout. */
const layerFields = { pooling, heads, keyDimension, hidden, activation, causal, horizon };

/** Finite populations under a layer at fixed random controls: random ones, or given sequences of equal probability. */
export function finitePopulations<Shared extends Readonly<Record<string, z.ZodType>>>(settings: {
  /** What the claim needs besides. */
  readonly shared: Shared;
  readonly populations: number;
  readonly full: Readonly<Record<string, unknown>>;
  /** Pieces that the claim's own experiments have besides the random populations. */
  readonly more: number;
}) {
  return experiments({
    label: 'populations',
    shared: { ...layerFields, ...settings.shared },
    own: {
      populations: experimentCount(
        settings.populations,
        'random populations: 24 sequences of 4 tokens in R³ with random probabilities, of three classes',
      ),
    },
    data: { h0, labels, U },
    full: settings.full,
    pieces: (given) => (given.explicit ? 1 : given.populations + settings.more),
  });
}

const common = finitePopulations({ shared: {}, populations: 1, full: {}, more: 0 });

/** What every claim about risks is given. */
type Populations = ReturnType<typeof common.parse>;

/** The population of one piece, at random controls on L layers. */
export function populationOf(
  backend: Backend,
  given: Populations,
  options: { readonly seed: number; readonly index: number; readonly layers: number },
): Population {
  const { seed, index, layers } = options;
  const random = randomStream(seed, 'finite population', index);
  const normals = (rows: number) =>
    Array.from({ length: rows }, () => Array.from({ length: 3 }, () => random.normal()));
  const data = given.explicit
    ? { h0: given.h0, labels: given.labels, U: given.U }
    : {
        h0: Array.from({ length: 24 }, () => normals(4)),
        labels: Array.from({ length: 24 }, () =>
          Array.from({ length: given.pooling === 'position' ? 4 : 1 }, () => random.integer(3)),
        ),
        U: normals(3),
      };
  const raw = data.h0.map(() => (given.explicit ? 1 : 0.2 + random.uniform()));
  const total = raw.reduce((a, b) => a + b, 0);
  const instance = { ...given, ...data, regularisation: 0 };
  const model = explicitModel(backend, instance, { layers, seed: random.integer(2 ** 31) });
  return { model, probabilities: Float64Array.from(raw, (p) => p / total) };
}
