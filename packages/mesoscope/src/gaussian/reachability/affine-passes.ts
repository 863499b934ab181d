import type { FloatArray } from '../../kernels/backend.ts';
import { productInto, transposedProductInto } from '../in-place.ts';
import type { FactoredMoments } from '../moments.ts';

/** Moments through N affine layers and derivatives back through them. */
export interface LayerPasses {
  readonly d: number;
  readonly rank: number;
  /** `N(d² + d)`: (U_k, c_k) one layer after the other, U_k row-major. */
  readonly controlLength: number;
  /** The moments after all layers. */
  forward(controls: FloatArray): FactoredMoments;
  /** The result of the last forward pass. */
  end(): FactoredMoments;
  /** The derivatives with respect to the controls, of the last forward pass, into `gradient`. */
  backward(controls: FloatArray, terminal: FactoredMoments, gradient: FloatArray): void;
  /** The derivatives with respect to the first moments, of the last backward pass. */
  costate(): FactoredMoments;
}

/** Weights and nodes of the classical Runge–Kutta step. */
const weights = [1 / 6, 1 / 3, 1 / 3, 1 / 6];
const nodes = [0, 0.5, 0.5, 1];

/**
 * Passes `Y = [L | m]`, d × (r + 1), through N layers `Ẏ = UY + ce_{r+1}ᵀ` of depth `ε = T/N`, each by one classical Runge–Kutta step, and
 * its exact discrete adjoint.
 */
export function layerPasses(from: FactoredMoments, horizon: number, layers: number): LayerPasses {
  const d = from.factor.rows;
  const rank = from.factor.columns;
  const q = rank + 1;
  const step = horizon / layers;
  const perLayer = d * d + d;
  const states = Array.from({ length: layers + 1 }, () => new Float64Array(d * q));
  /** Arguments of the four stages of each layer. */
  const stages = Array.from({ length: layers }, () => nodes.map(() => new Float64Array(d * q)));
  const slope = new Float64Array(d * q);
  const costate = new Float64Array(d * q);
  const [stageCostate, pulled, next] = [0, 1, 2].map(() => new Float64Array(d * q));
  const U = new Float64Array(d * d);
  pack(from, states[0]);

  function pack({ factor, mean }: FactoredMoments, Y: Float64Array): void {
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < rank; j++) Y[i * q + j] = factor.data[i * rank + j];
      Y[i * q + rank] = mean[i];
    }
  }

  function unpack(Y: Float64Array): FactoredMoments {
    const data = new Float64Array(d * rank);
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < rank; j++) data[i * rank + j] = Y[i * q + j];
    }
    const mean = Float64Array.from({ length: d }, (_, i) => Y[i * q + rank]);
    return { mean, factor: { rows: d, columns: rank, data } };
  }

  return {
    d,
    rank,
    controlLength: layers * perLayer,
    forward(controls) {
      for (let k = 0; k < layers; k++) {
        for (let i = 0; i < d * d; i++) U[i] = controls[k * perLayer + i];
        const [Y, after] = [states[k], states[k + 1]];
        after.set(Y);
        for (let s = 0; s < 4; s++) {
          const argument = stages[k][s];
          // Before the first stage the node is 0, and the slope does not matter.
          for (let i = 0; i < d * q; i++) argument[i] = Y[i] + step * nodes[s] * slope[i];
          productInto(U, argument, slope, d, d, q);
          for (let i = 0; i < d; i++) slope[i * q + rank] += controls[k * perLayer + d * d + i];
          for (let i = 0; i < d * q; i++) after[i] += step * weights[s] * slope[i];
        }
      }
      return unpack(states[layers]);
    },
    end: () => unpack(states[layers]),
    backward(controls, terminal, gradient) {
      gradient.fill(0);
      pack(terminal, costate);
      for (let k = layers - 1; k >= 0; k--) {
        const own = k * perLayer;
        for (let i = 0; i < d * d; i++) U[i] = controls[own + i];
        next.set(costate);
        pulled.fill(0);
        for (let s = 3; s >= 0; s--) {
          const following = s === 3 ? 0 : nodes[s + 1];
          for (let i = 0; i < d * q; i++) {
            stageCostate[i] = step * (weights[s] * costate[i] + following * pulled[i]);
          }
          const argument = stages[k][s];
          for (let a = 0; a < d; a++) {
            for (let b = 0; b < d; b++) {
              let sum = 0;
              for (let j = 0; j < q; j++) sum += stageCostate[a * q + j] * argument[b * q + j];
              gradient[own + a * d + b] += sum;
            }
            gradient[own + d * d + a] += stageCostate[a * q + rank];
          }
          transposedProductInto(U, stageCostate, pulled, d, d, q);
          for (let i = 0; i < d * q; i++) next[i] += pulled[i];
        }
        costate.set(next);
      }
    },
    costate: () => unpack(costate),
  };
}
