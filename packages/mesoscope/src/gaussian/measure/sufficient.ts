import { inverse, symmetricEigen } from '../../numeric/decompositions.ts';
import {
  add,
  frobeniusNorm,
  type Matrix,
  multiply,
  scale,
  symmetricPart,
  trace,
  transpose,
} from '../../numeric/matrix.ts';
import { symmetricSquareRoot } from '../../numeric/matrix-functions.ts';
import { randomStream } from '../../numeric/random.ts';
import { classifyLayer } from '../classify.ts';
import { type GaussianLayer, gaussianLayer } from '../layer.ts';
import { randomLaw } from '../random-flows.ts';
import { randomCovariance, randomMatrix } from '../random-matrices.ts';
import { sufficientCondition } from '../sufficient.ts';

/** Layers with general V on which the sufficient tests speak: what they say next to what is found. */
export interface SufficientRecord {
  readonly conclusion: string;
  readonly regime: string;
  readonly contradicted: boolean;
}

/**
 * A random layer with V ≻ 0 and B of either sign.
 *
 * @param condition - the test that is judged; default the project's own
 */
export function sufficientRecord(
  seed: number,
  index: number,
  condition: typeof sufficientCondition = sufficientCondition,
): SufficientRecord {
  const stream = randomStream(seed, 'C.stability sufficient', index);
  const d = 2;
  const sign = index % 2 === 0 ? -1 : 1;
  const skew = randomMatrix(stream, d, d, 0.3);
  skew.data.set([0, skew.data[1], -skew.data[1], 0]);
  const layer = gaussianLayer({
    heads: [
      {
        V: randomCovariance(stream, d, d, 0.3),
        B: add(scale(sign, randomCovariance(stream, d, d, 0.3)), skew),
      },
    ],
    W: randomMatrix(stream, d, d, 0.3),
  });
  const law = randomLaw(stream, d);
  const { conclusion, time } = condition(layer, law);
  const { regime, blowUpTime, covariance } = classifyLayer(layer, law);
  const size = (of: Matrix) => trace(multiply(inverse(layer.heads[0].V), of));
  const contradicted =
    conclusion === 'bounded'
      ? covariance === null ||
        size(covariance) > 1.000001 * Math.max(size(law.covariance), restingSize(layer))
      : conclusion === 'blow-up' &&
        !(blowUpTime !== null && blowUpTime <= (time as number) * 1.000001);
  return { conclusion, regime, contradicted };
}

/**
 * What `y = tr(V^{-1}Σ)` cannot rise above, once below it: for V ≻ 0 and M ≺ 0 `ẏ ≤ −αy² + ωy` with
 * `α = −λ_max(M)/|V^{-1}|²` and ω the largest eigenvalue of `V^{1/2}(V^{-1}W + WᵀV^{-1})V^{1/2}`, so that y stays below the larger of
 * its start and ω/α. Growth that is seen up to some depth contradicts nothing below that.
 */
function restingSize({ heads: [{ V, B }], W }: GaussianLayer): number {
  const top = (A: Matrix) => symmetricEigen(symmetricPart(A)).values[A.rows - 1];
  const inverseV = inverse(V);
  const root = symmetricSquareRoot(V);
  const drift = scale(2, symmetricPart(multiply(inverseV, W)));
  const alpha = -top(add(B, transpose(B))) / frobeniusNorm(inverseV) ** 2;
  return top(multiply(root, drift, root)) / alpha;
}
