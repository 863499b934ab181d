import type { ActivationKind } from '../instruction.ts';
import { at, type Frame, forEachEntry, type Of, put, set } from './matrix.ts';
import { normalCumulative, normalDensity } from './special.ts';

interface Activation {
  readonly value: (y: number) => number;
  readonly derivative: (y: number) => number;
}

const ROOT_TWO_OVER_PI = Math.sqrt(2 / Math.PI);
const GELU_CUBE = 0.044715;

const activations: Readonly<Record<ActivationKind, Activation>> = {
  tanh: { value: Math.tanh, derivative: (y) => 1 - Math.tanh(y) ** 2 },
  relu: { value: (y) => Math.max(y, 0), derivative: (y) => (y > 0 ? 1 : 0) },
  gelu: {
    value: (y) => y * normalCumulative(y),
    derivative: (y) => normalCumulative(y) + y * normalDensity(y),
  },
  'gelu-tanh': {
    value: (y) => y * logistic(2 * geluTanhArgument(y)),
    derivative: (y) => {
      const u = 2 * geluTanhArgument(y);
      const slope = 2 * ROOT_TWO_OVER_PI * (1 + 3 * GELU_CUBE * clamped(y) ** 2);
      return logistic(u) + clamped(y) * slope * logistic(u) * logistic(-u);
    },
  },
  silu: {
    value: (y) => y * logistic(y),
    derivative: (y) => logistic(y) * (1 + y * (1 - logistic(y))),
  },
};

/** `Y ← σ(X)`. */
export function activation(instruction: Of<'activation'>, frame: Frame): void {
  const X = frame.matrix(instruction.x);
  const Y = frame.matrix(instruction.y);
  const { value } = activations[instruction.kind];
  forEachEntry(Y, (i, j) => set(Y, i, j, value(at(X, i, j))));
}

/** `G ← σ'(X) ∘ P (+ G)`. */
export function activationPullback(instruction: Of<'activationPullback'>, frame: Frame): void {
  const X = frame.matrix(instruction.x);
  const P = frame.matrix(instruction.p);
  const G = frame.matrix(instruction.g);
  const { derivative } = activations[instruction.kind];
  forEachEntry(G, (i, j) =>
    put(G, i, j, derivative(at(X, i, j)) * at(P, i, j), instruction.accumulate),
  );
}

/** `√(2/π)(y + 0.044715y³)`; tanh of it is ±1 long before |y| = 50. */
function geluTanhArgument(y: number): number {
  return ROOT_TWO_OVER_PI * (clamped(y) + GELU_CUBE * clamped(y) ** 3);
}

function clamped(y: number): number {
  return Math.min(Math.max(y, -50), 50);
}

/** `1/(1 + e^{−y})`. */
function logistic(y: number): number {
  return 1 / (1 + Math.exp(-y));
}
