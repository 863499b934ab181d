import { minimiseLbfgs } from '../../control/solvers/index.ts';
import type { Backend } from '../../kernels/backend.ts';
import type { LbfgsStatus } from '../../minimise/lbfgs.ts';

/** Points in R^p with classes. */
export interface LabelledPoints {
  /** p. */
  readonly features: number;
  /** Point after point. */
  readonly points: Float64Array;
  readonly labels: Int32Array;
}

/** `z = W x + b`. */
export interface LinearClassifier {
  /** C × (p + 1), row-major; the bias b is the last column. */
  readonly weights: Float64Array;
  readonly classes: number;
  readonly regularisation: number;
  readonly status: LbfgsStatus;
  /** Norm of the objective's gradient at the end. */
  readonly gradientNorm: number;
}

/** Cross-entropy in nats of every point, and whether its most probable class is its own. */
export interface Predictions {
  readonly losses: Float64Array;
  readonly correct: Uint8Array;
}

/**
 * Softmax regression: minimises `E[−log softmax(Wx + b)_y] + (λ/2)|W|²`, which is convex, by L-BFGS until the gradient
 * is small (Bishop, Pattern Recognition and Machine Learning, section 4.3.4). The bias is not penalised.
 *
 * @param options.start - of another λ, to continue from; default 0
 * @param options.tolerance - norm of the gradient; default 1e-4
 * @param options.iterations - default 400
 */
export function fitSoftmaxRegression(
  backend: Backend,
  data: LabelledPoints,
  classes: number,
  options: {
    readonly regularisation: number;
    readonly start?: LinearClassifier;
    readonly tolerance?: number;
    readonly iterations?: number;
  },
): LinearClassifier {
  const { regularisation, start, tolerance = 1e-4, iterations = 400 } = options;
  const { features } = data;
  const width = features + 1;
  const rows = nonzeros(data);
  const count = data.labels.length;
  const logits = new Float64Array(classes);
  return backend.scoped(() => {
    const parameters = backend.allocate(classes * width);
    if (start !== undefined) parameters.set(start.weights);
    const { status, gradientNorm } = minimiseLbfgs({
      backend,
      parameters,
      tolerance,
      iterations,
      objective(weights, gradient) {
        let value = 0;
        for (let i = 0; i < weights.length; i++) {
          const penalised = i % width < features ? weights[i] : 0;
          gradient[i] = regularisation * penalised;
          value += 0.5 * regularisation * penalised * penalised;
        }
        for (let s = 0; s < count; s++) {
          const [from, to] = [rows.starts[s], rows.starts[s + 1]];
          for (let c = 0; c < classes; c++) {
            let z = weights[c * width + features];
            for (let e = from; e < to; e++)
              z += weights[c * width + rows.places[e]] * rows.values[e];
            logits[c] = z;
          }
          value += toResidual(logits, data.labels[s]) / count;
          for (let c = 0; c < classes; c++) {
            const r = logits[c] / count;
            gradient[c * width + features] += r;
            for (let e = from; e < to; e++)
              gradient[c * width + rows.places[e]] += r * rows.values[e];
          }
        }
        return value;
      },
    });
    return {
      weights: Float64Array.from(parameters),
      classes,
      regularisation,
      status,
      gradientNorm,
    };
  });
}

/** What a classifier says of points. */
export function predictLinear(model: LinearClassifier, data: LabelledPoints): Predictions {
  const { features, points, labels } = data;
  const { weights, classes } = model;
  const width = features + 1;
  const losses = new Float64Array(labels.length);
  const correct = new Uint8Array(labels.length);
  const logits = new Float64Array(classes);
  for (let s = 0; s < labels.length; s++) {
    for (let c = 0; c < classes; c++) {
      let z = weights[c * width + features];
      for (let i = 0; i < features; i++) z += weights[c * width + i] * points[s * features + i];
      logits[c] = z;
    }
    correct[s] = largest(logits) === labels[s] ? 1 : 0;
    losses[s] = toResidual(logits, labels[s]);
  }
  return { losses, correct };
}

/** The first of the largest entries. */
export function largest(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** Turns logits into `softmax(z) − e_y` in place and returns the cross-entropy. */
function toResidual(logits: Float64Array, label: number): number {
  const top = logits[largest(logits)];
  const own = logits[label];
  let total = 0;
  for (let c = 0; c < logits.length; c++) {
    logits[c] = Math.exp(logits[c] - top);
    total += logits[c];
  }
  for (let c = 0; c < logits.length; c++) logits[c] /= total;
  logits[label] -= 1;
  return Math.log(total) + top - own;
}

/** The entries that are not 0, point after point: most pixels of a digit are black. */
function nonzeros({ features, points, labels }: LabelledPoints) {
  const total = points.reduce((sum, value) => sum + (value === 0 ? 0 : 1), 0);
  const starts = new Int32Array(labels.length + 1);
  const places = new Int32Array(total);
  const values = new Float64Array(total);
  let next = 0;
  for (let s = 0; s < labels.length; s++) {
    for (let i = 0; i < features; i++) {
      const value = points[s * features + i];
      if (value === 0) continue;
      places[next] = i;
      values[next++] = value;
    }
    starts[s + 1] = next;
  }
  return { starts, places, values };
}
