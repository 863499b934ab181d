import { beforeAll, describe, expect, test } from 'vitest';
import { randomStream } from '../numeric/random.ts';
import { attention } from './attention.ts';
import { evaluateField, pullbackField } from './evaluate.ts';
import { feedForward } from './feed-forward.ts';
import type { Field } from './field.ts';
import { prenormalise } from './normalise.ts';
import { normalMatrix, randomArguments, reference, relativeDistance } from './test-support.ts';
import { transformerBlock } from './transformer-block.ts';

// jax-js names this type while loading; Node has it from 24 on. No array of that type is made here.
Object.assign(globalThis, { Float16Array: Reflect.get(globalThis, 'Float16Array') ?? Uint16Array });
const { init, defaultDevice, numpy: np, nn, vjp } = await import('@jax-js/jax');
type JaxArray = ReturnType<typeof np.array>;

beforeAll(async () => {
  // The interpreting device evaluates exp and tanh in full double precision, the wasm device to 5e-8 only.
  await init('cpu');
  defaultDevice('cpu');
});

const epsilon = 1e-5;

/** `h: n × d` and `θ: P` to `f: n × d`. jax-js consumes each array at its use; `.ref` keeps it for another. */
type JaxField = (h: JaxArray, theta: JaxArray) => JaxArray;

/** Hands the blocks of a field's parameter vector to `f` as matrices. */
function withBlocks(
  field: Field,
  f: (h: JaxArray, block: (name: string) => JaxArray) => JaxArray,
): JaxField {
  return (h, theta) => {
    const block = (name: string) => {
      const found = field.parameters.blocks.find((b) => b.name === name);
      if (found === undefined) throw new RangeError(name);
      const { offset, rows, columns } = found;
      return theta.ref.slice([offset, offset + rows * columns]).reshape([rows, columns]);
    };
    const value = f(h, block);
    theta.dispose();
    return value;
  };
}

function softmaxAttention(
  h: JaxArray,
  [Q, K, V]: readonly JaxArray[],
  { heads, scale, causal }: { heads: number; scale: number; causal: boolean },
): JaxArray {
  const n = h.shape[0];
  const split = (A: JaxArray) =>
    np.matmul(h.ref, A.transpose()).reshape([n, heads, -1]).transpose([1, 0, 2]);
  const scores = np.matmul(split(Q), split(K).transpose([0, 2, 1])).mul(scale);
  const mask = np.tril(np.ones([n, n], { dtype: np.float64 })).reshape([1, n, n]);
  const seen = causal ? np.where(mask.greater(0.5), scores, -1e9) : scores;
  const exponentials = np.exp(seen.ref.sub(np.max(seen, 2, { keepdims: true })));
  const P = exponentials.ref.div(np.sum(exponentials, 2, { keepdims: true }));
  const perHead = np.matmul(P, split(V));
  h.dispose();
  return perHead;
}

const heads = 2;
const [d, k, m] = [4, 3, 6];
const scale = 1 / Math.sqrt(k);

function summedHeads(causal: boolean) {
  const field = attention({ dimension: d, heads, keyDimension: k, causal });
  const jax = withBlocks(field, (h, block) =>
    np.sum(softmaxAttention(h, [block('Q'), block('K'), block('V')], { heads, scale, causal }), 0),
  );
  return { field, jax };
}

function normalised(h: JaxArray): JaxArray {
  const centred = h.ref.sub(np.mean(h, 1, { keepdims: true }));
  const variance = np.mean(np.square(centred.ref), 1, { keepdims: true });
  return centred.div(np.sqrt(variance.add(epsilon)));
}

function mlp(
  h: JaxArray,
  block: (name: string) => JaxArray,
  sigma: (x: JaxArray) => JaxArray,
  prefix = '',
): JaxArray {
  const affine = (x: JaxArray, i: 1 | 2) =>
    np.matmul(x, block(`${prefix}W${i}`).transpose()).add(block(`${prefix}b${i}`).transpose());
  return affine(sigma(affine(h, 1)), 2);
}

const ffn = feedForward({ dimension: d, hidden: m, activation: 'tanh' });
const gelu = feedForward({ dimension: d, hidden: m, activation: 'gelu' });
const layer = prenormalise(ffn, { kind: 'layer', epsilon });
const block = transformerBlock({
  dimension: d,
  heads,
  keyDimension: k,
  hidden: m,
  activation: 'silu',
  output: true,
});

const cases: readonly (readonly [string, Field, JaxField, number])[] = [
  ['attention', summedHeads(false).field, summedHeads(false).jax, 1e-13],
  ['causal attention', summedHeads(true).field, summedHeads(true).jax, 1e-13],
  ['feed-forward, tanh', ffn, withBlocks(ffn, (h, at) => mlp(h, at, np.tanh)), 1e-13],
  // Its error function is a polynomial good to 1e-7.
  [
    'feed-forward, gelu',
    gelu,
    withBlocks(gelu, (h, at) => mlp(h, at, (x) => nn.gelu(x, { approximate: false }))),
    1e-6,
  ],
  [
    'feed-forward after layer normalisation',
    layer,
    withBlocks(layer, (h, at) => mlp(normalised(h), at, np.tanh)),
    1e-12,
  ],
  [
    'transformer block with output matrices',
    block,
    withBlocks(block, (h, at) => {
      const y = normalised(h);
      const n = y.shape[0];
      const [Q, K, V] = ['Q', 'K', 'V'].map((name) => at(`attention.${name}`));
      const means = softmaxAttention(y.ref, [Q, K, V], { heads, scale, causal: true });
      const joined = means.transpose([1, 0, 2]).reshape([n, heads * k]);
      const mixed = np.matmul(joined, at('attention.O').transpose());
      return mixed.add(mlp(y, at, (x) => nn.silu(x), 'feedForward.'));
    }),
    1e-12,
  ],
];

describe('an independent automatic differentiation agrees (jax-js)', () => {
  test.each(cases)('%s', (name, field, jax, tolerance) => {
    for (const n of [1, 2, 7]) {
      const random = randomStream(10, name, n);
      const given = randomArguments(field, n, random);
      const p = normalMatrix(random, n, d);
      const array = (x: number[][] | number[]) => np.array(x, { dtype: np.float64 });
      const [value, pull] = vjp(jax, [
        array(given.tokens as number[][]),
        array(Array.from(given.parameters)),
      ]);
      const [gState, gParameters] = pull(array(p));
      const ours = pullbackField(reference, field, given, p);
      const pairs = [
        [evaluateField(reference, field, given).flat(), (value.js() as number[][]).flat()],
        [ours.state.flat(), (gState.js() as number[][]).flat()],
        [[...ours.parameters], gParameters.js() as number[]],
      ];
      const errors = pairs.map(([a, b]) => relativeDistance(a, b));
      expect(Math.max(...errors)).toBeLessThan(tolerance);
    }
  });
});
