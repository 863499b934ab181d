import * as z from 'zod';
import { hiddenStates } from '../../checkpoint/hidden-states.ts';
import { openModel } from '../../checkpoint/model.ts';
import { type GoldenState, goldenStatesOf, parityErrors } from '../../checkpoint/parity.ts';
import { createReferenceBackend } from '../../kernels/reference/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import { atMost } from '../check.ts';
import { claim, type MeasureContext } from '../claim.ts';
import { experimentCount } from '../fields.ts';
import type { Figure } from '../figure.ts';
import { experiments } from '../given.ts';
import { checkpointField, randomModel, randomModelFields, subject } from './instance.ts';

const instance = experiments({
  label: 'models',
  shared: {
    single: z
      .boolean()
      .default(false)
      .describe('whether the golden states were computed in f32, whose rounding is then allowed'),
  },
  own: {
    models: experimentCount(2, 'random models'),
    tokens: z.int().min(1).default(12).describe('n, of each'),
    ...randomModelFields,
  },
  data: {
    checkpoint: checkpointField,
    golden: z
      .string()
      .default('')
      .describe(
        'path of hidden states that another implementation computed: a .safetensors or .npz of ids or pixels, h0 … hL, final, as bench/peers/states.py writes it',
      ),
  },
  check: (given) =>
    !given.explicit && given.dimension % given.heads !== 0
      ? [{ path: 'dimension', message: 'must be a multiple of the number of heads' }]
      : [],
  pieces: (given) => (given.explicit ? 1 : given.models),
});
type Instance = ReturnType<typeof instance.parse>;

interface Measured {
  /** Largest error of each state over its root mean square, by the state's name; empty without golden states. */
  readonly errors: readonly { readonly name: string; readonly error: number }[];
  readonly precision: 'f64' | 'f32';
}

/** The states of the plain kernels in f64: of a random model there is no other implementation. */
async function plainStates({ given, seed, index }: MeasureContext<Instance>, ids: number[]) {
  if (given.explicit) throw new RangeError('a trained model has golden states');
  const reference = createReferenceBackend();
  const model = randomModel(given, 1000 * seed + index);
  const initial = await model.embed(reference, { ids });
  const states = new Map<string, GoldenState>();
  for await (const {
    name,
    states: [values],
  } of hiddenStates(reference, model, [initial])) {
    const square = values.data.reduce((sum, x) => sum + x * x, 0) / values.data.length;
    states.set(name, { values, rms: Math.sqrt(square), tokens: undefined });
  }
  return { input: { ids }, states };
}

/** Hidden states against those of another implementation; the gate before every other claim about a model. */
export const parity = claim<Instance, Measured>({
  id: 'P.parity',
  title: 'The hidden states are those of the reference implementation',
  statement:
    'For every state, $\\max|x - y| \\le 10^{-12}\\,\\mathrm{rms}(y)$ against golden states $y$ in f64 on the same weights, $10^{-5}$ where either side runs in f32. Random models are compared with the plain kernels.',
  trust: { statement: 'D' },
  given: instance,
  async measure(context) {
    const { backend, data, given, seed, index } = context;
    const { precision } = backend;
    if (given.explicit) {
      if (given.golden === '') return { errors: [], precision };
      const model = openModel(await data.trainedModel(given.checkpoint));
      const golden = goldenStatesOf(await data.arrays(given.golden));
      return { errors: await parityErrors(backend, model, golden), precision };
    }
    const random = randomStream(seed, 'tokens of a random model', index);
    const ids = Array.from({ length: given.tokens }, () => random.integer(64));
    const golden = await plainStates(context, ids);
    const model = randomModel(given, 1000 * seed + index);
    return { errors: await parityErrors(backend, model, golden), precision };
  },
  conclude(measured, { given }) {
    const all = measured.flatMap(({ errors }) => errors);
    const allowed = given.single || measured[0].precision === 'f32' ? 1e-5 : 1e-12;
    const largest = all.reduce((most, { error }) => Math.max(most, error), 0);
    const [{ errors }] = measured;
    return {
      hypotheses: [
        {
          name: 'there are states of another implementation to compare with',
          holds: all.length > 0,
          value: all.length > 0 ? `${all.length} states` : 'none: name them as `golden`',
        },
      ],
      resolution: [],
      checks: [
        atMost({
          name: 'largest error of a state over its root mean square',
          failsIf: 'a layer computes something else than the reference',
          measured: all.length > 0 ? largest : Number.NaN,
          expected: allowed,
        }),
      ],
      evidence: {
        states: errors.map(({ name }) => name).join(', '),
        'largest error, by state': errors.map(({ error }) => error),
        reference: given.explicit ? given.golden : 'plain kernels, f64',
      },
      summary: `States of ${subject(given)} differ by at most ${largest.toExponential(1)} of their root mean square from ${given.explicit ? 'the golden ones' : 'those of the plain kernels'}.`,
      figures: errors.length === 0 ? [] : [errorFigure(errors, allowed)],
    };
  },
});

function errorFigure(errors: Measured['errors'], allowed: number): Figure {
  const shown = errors.map(({ error }, l) => ({ l, error })).filter(({ error }) => error > 0);
  return {
    id: 'P.parity',
    title: 'Error of each state',
    caption: `Largest error over the root mean square of the state, in the order ${errors.map(({ name }) => name).join(', ')}. Exact states are left out.`,
    x: { label: 'state' },
    y: { label: 'max |x − y| / rms y', scale: 'log' },
    marks: [
      {
        kind: 'dots',
        series: 'error',
        x: shown.map(({ l }) => l),
        y: shown.map(({ error }) => error),
      },
      { kind: 'rule', axis: 'y', at: allowed, label: 'allowed' },
    ],
  };
}
