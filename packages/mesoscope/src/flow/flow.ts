import type { Backend } from '../kernels/backend.ts';
import type { Flow, FlowOptions } from './flow-contract.ts';
import { createFlowSteps } from './flow-steps.ts';

/**
 * Prepares a flow: `ḣ = ζ(t) f(h, θ(t))` on a depth grid (a residual network, for Euler's scheme).
 *
 * @throws MesoscopeError `invalid-value`, `out-of-memory`
 */
export function createFlow(backend: Backend, options: FlowOptions): Flow {
  const { field, tokens, samples, scheme, stepped } = options;
  const { stateLength, forward, room, backward } = createFlowSteps(backend, options);
  return {
    backend,
    field,
    tokens,
    samples,
    scheme,
    stateLength,
    forward: (input) => outcomeOf(forward(input), stepped),
    backward(input) {
      const results = room(input);
      return backend.scoped(() => outcomeOf(backward(input, results), stepped));
    },
  };
}

/** Takes all steps, one after the other. */
function outcomeOf<T>(steps: Generator<void, T>, stepped?: () => void): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    stepped?.();
  }
}
