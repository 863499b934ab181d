import { MesoscopeError } from '../errors.ts';
import { gaussian } from '../law/law.ts';
import { shapeMismatch } from '../numeric/checks.ts';
import {
  add,
  identity,
  type Matrix,
  multiply,
  multiplyVector,
  outerProduct,
  scale,
  symmetricPart,
  transpose,
  zeros,
} from '../numeric/matrix.ts';
import type { EnsembleInputs } from './inputs.ts';
import {
  type EnsembleHead,
  type EnsembleLayout,
  headAt,
  headScoreMatrix,
  headsAt,
  requireParameters,
} from './parameters.ts';
import type { EnsembleState, TokenMap } from './token-map.ts';

export interface GaussianMapOptions {
  /** Without affine part. */
  readonly layout: EnsembleLayout;
  /** With Gaussian contexts. */
  readonly inputs: EnsembleInputs;
}

/** One pair at one depth: token x, context N(m, Σ). */
interface Pair {
  readonly token: Float64Array;
  readonly mean: Float64Array;
  readonly covariance: Matrix;
}

/** What a layer does to Gaussian contexts of covariance Σ: `A = (1/H) Σ_h V_h Σ B_h`, `v = (1/H) Σ_h V_h`. */
interface Layer {
  readonly heads: readonly EnsembleHead[];
  readonly scores: readonly Matrix[];
  readonly values: Matrix;
}

/**
 * The forward pass on Gaussian contexts without particles. The tilted mean of N(m, Σ) is `m + Σ B x`, so a layer acts
 * affinely and a context stays Gaussian, exactly: with `A` and `v` as below and `ε = 1/L`
 * `x ← x + ε(v m + A x)`, `m ← m + ε(v m + A m)`, `Σ ← G Σ Gᵀ`, `G = I + εA`. The gradient is the adjoint of this
 * recursion, written by hand: an implementation independent of the kernels.
 *
 * @throws MesoscopeError `unsupported` where a context is not Gaussian or there is an affine part, `shape-mismatch`
 */
export function createGaussianMap({ layout, inputs }: GaussianMapOptions): TokenMap {
  const { dimension: d, layers, heads } = layout;
  if (inputs.dimension !== d) throw shapeMismatch('inputs', [inputs.dimension], [d]);
  if (layout.affine) refuse('an affine part');
  const start = inputs.contexts.map((law, s): Pair => {
    if (law.kind !== 'gaussian') return refuse(`context ${s}, which is not Gaussian`);
    return { token: inputs.tokens[s], mean: law.mean, covariance: law.covariance };
  });
  const epsilon = 1 / layers;
  const layersOf = (theta: Float64Array): Layer[] =>
    Array.from({ length: layers }, (_, l) => {
      const all = headsAt(layout, theta, l);
      return {
        heads: all,
        scores: all.map(headScoreMatrix),
        values: scale(1 / heads, sum(all.map(({ V }) => V))),
      };
    });
  const paths = (theta: Float64Array) => {
    requireParameters(layout, theta);
    const stack = layersOf(theta);
    return {
      stack,
      pairs: start.map((pair) => {
        const path = [pair];
        for (const layer of stack) path.push(push(layer, path[path.length - 1], epsilon));
        return path;
      }),
    };
  };
  const finalsOf = (pairs: readonly Pair[][]) =>
    Float64Array.from(pairs.flatMap((path) => Array.from(path[layers].token)));

  return {
    layout,
    samples: start.length,
    forward: (theta) => finalsOf(paths(theta).pairs),
    differentiate(theta, costate, gradient) {
      const { stack, pairs } = paths(theta);
      const finals = finalsOf(pairs);
      const p = costate(finals);
      gradient.fill(0);
      pairs.forEach((path, s) => {
        let back: Pair = {
          token: p.slice(s * d, (s + 1) * d),
          mean: new Float64Array(d),
          covariance: zeros(d, d),
        };
        for (let l = layers - 1; l >= 0; l--) {
          const out = Array.from({ length: heads }, (_, h) => headAt(layout, gradient, l, h));
          back = pull(stack[l], path[l], back, epsilon, out);
        }
      });
      return finals;
    },
    states(theta) {
      const { pairs } = paths(theta);
      return Array.from(
        { length: layers + 1 },
        (_, l): EnsembleState => ({
          tokens: pairs.map((path) => path[l].token),
          contexts: pairs.map((path) => gaussian(path[l].mean, path[l].covariance)),
        }),
      );
    },
  };
}

/** `A = (1/H) Σ_h V_h Σ B_h`. */
function drift({ heads, scores }: Layer, covariance: Matrix): Matrix {
  return scale(
    1 / heads.length,
    sum(heads.map(({ V }, h) => multiply(multiply(V, covariance), scores[h]))),
  );
}

function push(layer: Layer, { token, mean, covariance }: Pair, epsilon: number): Pair {
  const A = drift(layer, covariance);
  const common = multiplyVector(layer.values, mean);
  const move = (x: Float64Array) => {
    const own = multiplyVector(A, x);
    return x.map((entry, a) => entry + epsilon * (common[a] + own[a]));
  };
  const G = add(identity(mean.length), A, epsilon);
  return {
    token: move(token),
    mean: move(mean),
    covariance: symmetricPart(multiply(G, covariance, transpose(G))),
  };
}

/**
 * The adjoint of {@link push}: from ∂L of its result (the covariance's as a symmetric matrix) to ∂L of its argument;
 * adds to the heads' gradients.
 */
function pull(
  layer: Layer,
  { token, mean, covariance }: Pair,
  back: Pair,
  epsilon: number,
  out: readonly EnsembleHead[],
): Pair {
  const A = drift(layer, covariance);
  const G = add(identity(mean.length), A, epsilon);
  const { token: p, mean: r, covariance: S } = back;
  const gA = sum([
    outerProduct(p, token),
    outerProduct(r, mean),
    scale(2, multiply(S, G, covariance)),
  ]);
  const gValues = add(outerProduct(p, mean), outerProduct(r, mean));
  let gCovariance = multiply(transpose(G), S, G);
  const share = epsilon / layer.heads.length;
  layer.heads.forEach(({ Q, K, V }, h) => {
    const B = layer.scores[h];
    const gB = multiply(covariance, multiply(transpose(V), gA));
    accumulate(out[h].V, share, add(multiply(gA, transpose(B), covariance), gValues));
    accumulate(out[h].Q, share / Math.sqrt(Q.rows), multiply(K, gB));
    accumulate(out[h].K, share / Math.sqrt(Q.rows), multiply(Q, transpose(gB)));
    gCovariance = add(gCovariance, multiply(transpose(V), gA, transpose(B)), share);
  });
  const pulled = (x: Float64Array) => {
    const own = multiplyVector(transpose(A), x);
    return x.map((entry, a) => entry + epsilon * own[a]);
  };
  const common = multiplyVector(
    transpose(layer.values),
    p.map((entry, a) => entry + r[a]),
  );
  return {
    token: pulled(p),
    mean: pulled(r).map((entry, a) => entry + epsilon * common[a]),
    covariance: symmetricPart(gCovariance),
  };
}

function accumulate(into: Matrix, alpha: number, a: Matrix): void {
  for (let i = 0; i < a.data.length; i++) into.data[i] += alpha * a.data[i];
}

function sum(matrices: readonly Matrix[]): Matrix {
  return matrices.reduce((total, matrix) => add(total, matrix));
}

function refuse(what: string): never {
  throw new MesoscopeError({
    code: 'unsupported',
    what,
    by: 'the exact recursion on Gaussian contexts',
    wayOut: 'Sample the contexts and use particles.',
  });
}
