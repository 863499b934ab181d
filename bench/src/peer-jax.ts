import {
  blockUntilReady,
  defaultDevice,
  grad,
  init,
  jit,
  nn,
  numpy as np,
  type Array as Tensor,
} from '@jax-js/jax';
import type { Contender } from './contender.ts';
import type { AttentionFlowWorkload, Inputs, Workload } from './workloads.ts';

/** A jax-js (WebAssembly, float32) version of a workload, or undefined where it has no sensible one. */
export async function jaxContender(
  workload: Workload,
  inputs: Inputs,
): Promise<Contender | undefined> {
  if (workload.kind !== 'product' && workload.kind !== 'attention-flow') return undefined;
  await init('wasm');
  defaultDevice('wasm');
  const job =
    workload.kind === 'product' ? product(workload.size, inputs) : attentionFlow(workload, inputs);
  let last: Tensor[] = [];
  return {
    name: 'jax-js wasm f32',
    precision: 'f32',
    threads: 1,
    run: async (repeats) => {
      const start = performance.now();
      for (let r = 0; r < repeats; r++) {
        for (const array of last) array.dispose();
        last = await job();
      }
      return (performance.now() - start) / 1000 / repeats;
    },
    output: async () => {
      const parts: ArrayLike<number>[] = await Promise.all(
        last.map(async (array) => Float64Array.from(await array.ref.data())),
      );
      const flat = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
      let at = 0;
      for (const part of parts) {
        flat.set(part, at);
        at += part.length;
      }
      return flat;
    },
    close: async () => {
      for (const array of last) array.dispose();
      last = [];
    },
  };
}

function tensor(data: Float64Array, shape: number[]): Tensor {
  return np.array(new Float32Array(data)).reshape(shape);
}

function product(size: number, inputs: Inputs): () => Promise<Tensor[]> {
  const a = tensor(inputs.a, [size, size]);
  const b = tensor(inputs.b, [size, size]);
  const multiply = jit((x: Tensor, y: Tensor) => np.matmul(x, y));
  return async () => {
    const c = multiply(a.ref, b.ref);
    await blockUntilReady(c);
    return [c];
  };
}

/**
 * One compiled Euler layer, called once per layer. The adjoint keeps the layers' inputs and differentiates the
 * compiled layer again, which is faster here than differentiating the whole unrolled flow.
 */
function attentionFlow(w: AttentionFlowWorkload, inputs: Inputs): () => Promise<Tensor[]> {
  const { batch, tokens, dimension, heads, key, value, layers } = w;
  const step = w.horizon / layers;
  const perLayer = (name: string, shape: number[]) => {
    const length = shape.reduce((x, y) => x * y, 1);
    return Array.from({ length: layers }, (_, l) =>
      tensor(inputs[name].slice(l * length, (l + 1) * length), shape),
    );
  };
  const Q = perLayer('Q', [heads, key, dimension]);
  const K = perLayer('K', [heads, key, dimension]);
  const V = perLayer('V', [heads, value, dimension]);
  const O = w.output ? perLayer('O', [dimension, heads, value]) : undefined;
  const h0 = tensor(inputs.h0, [batch, tokens, dimension]);

  // Products and transposes only: einsum of this library needs iterator helpers that Node 20 lacks.
  const project = (h: Tensor, weights: Tensor, rows: number, order: number[]): Tensor => {
    const joined = np.matmul(
      h.reshape([batch * tokens, dimension]),
      np.transpose(weights.reshape([heads * rows, dimension])),
    );
    return np.transpose(joined.reshape([batch, tokens, heads, rows]), order);
  };
  const attend = (h: Tensor, q: Tensor, k: Tensor, v: Tensor): Tensor => {
    const queries = project(h.ref, q, key, [0, 2, 1, 3]);
    const keys = project(h.ref, k, key, [0, 2, 3, 1]);
    const values = project(h, v, value, [0, 2, 1, 3]);
    const scores = np.matmul(queries, keys).mul(1 / Math.sqrt(key));
    return np.matmul(nn.softmax(scores, -1), values);
  };
  const layer = (h: Tensor, q: Tensor, k: Tensor, v: Tensor): Tensor =>
    h.ref.add(np.sum(attend(h, q, k, v), 1).mul(step));
  const joinedLayer = (h: Tensor, q: Tensor, k: Tensor, v: Tensor, o: Tensor): Tensor => {
    const side = np
      .transpose(attend(h.ref, q, k, v), [0, 2, 1, 3])
      .reshape([batch * tokens, heads * value]);
    const out = np.matmul(side, np.transpose(o.reshape([dimension, heads * value])));
    return h.add(out.reshape([batch, tokens, dimension]).mul(step));
  };
  const compiledLayer = jit(layer);
  const compiledJoinedLayer = jit(joinedLayer);
  const pullback = jit(
    grad(
      (h: Tensor, q: Tensor, k: Tensor, v: Tensor, p: Tensor) => np.sum(layer(h, q, k, v).mul(p)),
      {
        argnums: [0, 1, 2, 3],
      },
    ),
  );

  return async () => {
    const states = [h0.ref];
    for (let l = 0; l < layers; l++) {
      const h = states[l].ref;
      states.push(
        O === undefined
          ? compiledLayer(h, Q[l].ref, K[l].ref, V[l].ref)
          : compiledJoinedLayer(h, Q[l].ref, K[l].ref, V[l].ref, O[l].ref),
      );
    }
    const last = states.pop() as Tensor;
    if (!w.gradient) {
      for (const state of states) state.dispose();
      await blockUntilReady(last);
      return [last];
    }
    const gradients: Tensor[][] = [];
    let p = last.ref;
    for (let l = layers - 1; l >= 0; l--) {
      const [gh, gq, gk, gv] = pullback(
        states[l],
        Q[l].ref,
        K[l].ref,
        V[l].ref,
        p,
      ) as unknown as Tensor[];
      p = gh;
      gradients.unshift([gq, gk, gv]);
    }
    const result = [last, p, ...[0, 1, 2].map((i) => np.stack(gradients.map((g) => g[i])))];
    await blockUntilReady(result);
    return result;
  };
}
