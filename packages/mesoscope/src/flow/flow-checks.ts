import { MesoscopeError } from '../errors.ts';
import type { FloatArray } from '../kernels/backend.ts';
import { columnStride } from '../kernels/instruction.ts';
import { stateLength } from '../kernels/program.ts';
import type { BackwardInput, FlowOptions, ForwardInput } from './flow.ts';
import { checkGrid } from './grid.ts';

/** Refuses sizes that are not whole and positive. @throws MesoscopeError `invalid-value` */
export function createFlowChecks(options: Pick<FlowOptions, 'tokens' | 'samples' | 'limit'>): void {
  for (const path of ['tokens', 'samples'] as const) {
    const received = options[path];
    if (!(Number.isInteger(received) && received >= 1)) {
      throw new MesoscopeError({
        code: 'invalid-value',
        path,
        received,
        expected: 'an integer ≥ 1',
      });
    }
  }
  if (options.limit !== undefined && !(options.limit > 0)) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 'limit',
      received: options.limit,
      expected: 'a positive number',
    });
  }
}

/** Refuses initial states, weights and controls that do not fit the flow, before work starts. */
export function checkForward(options: FlowOptions, input: ForwardInput, size: number): void {
  checkGrid(input.grid);
  const samples = checkStates('initial', input.initial, options, size);
  if (input.controls.parameterCount !== options.field.parameters.length) {
    throw new MesoscopeError({
      code: 'shape-mismatch',
      path: 'controls.parameterCount',
      received: [input.controls.parameterCount],
      expected: [options.field.parameters.length],
    });
  }
  checkWeights(options, input.weights, samples);
}

/** Refuses a costate or gradient that does not fit, and a trajectory that did not reach its end. */
export function checkBackward(options: FlowOptions, input: BackwardInput, size: number): void {
  const { trajectory, terminalCostate, gradient } = input;
  if (trajectory.status.kind !== 'completed') {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 'trajectory.status',
      received: trajectory.status.kind,
      expected: '"completed"',
      wayOut: 'A flow that stopped has no costate at its end.',
    });
  }
  if (terminalCostate.length !== trajectory.samples * size) {
    throw new MesoscopeError({
      code: 'shape-mismatch',
      path: 'terminalCostate',
      received: [terminalCostate.length],
      expected: [trajectory.samples, size],
    });
  }
  const { nodeCount, parameterCount } = trajectory.controls;
  if (gradient !== undefined && gradient.length !== nodeCount * parameterCount) {
    throw new MesoscopeError({
      code: 'shape-mismatch',
      path: 'gradient',
      received: [gradient.length],
      expected: [nodeCount, parameterCount],
    });
  }
  if ((trajectory.weights !== undefined) !== (options.weighted ?? false)) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 'trajectory',
      received: 'a trajectory of another flow',
      expected: 'a trajectory of this flow',
    });
  }
}

/**
 * Refuses states whose length is not a whole number of samples between 1 and the most, or that are not finite.
 * Returns the number of samples.
 */
export function checkStates(
  path: string,
  states: FloatArray,
  shape: Pick<FlowOptions, 'field' | 'tokens' | 'samples'>,
  size: number,
): number {
  const samples = states.length / size;
  if (!(Number.isInteger(samples) && samples >= 1 && samples <= shape.samples)) {
    throw new MesoscopeError({
      code: 'shape-mismatch',
      path,
      received: [states.length],
      expected: [`1 … ${shape.samples} samples`, size],
    });
  }
  const stride = columnStride(shape.tokens);
  for (let row = 0; row < samples * shape.field.dimension; row++) {
    for (let i = row * stride; i < row * stride + shape.tokens; i++) {
      if (!Number.isFinite(states[i])) {
        throw new MesoscopeError({ code: 'not-finite', path, index: i, received: states[i] });
      }
    }
  }
  return samples;
}

/** Refuses key weights that are missing, superfluous, of the wrong length, negative or not finite. */
export function checkWeights(
  shape: Pick<FlowOptions, 'tokens' | 'weighted'>,
  weights: FloatArray | undefined,
  samples: number,
): void {
  if ((weights !== undefined) !== (shape.weighted ?? false)) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 'weights',
      received: weights === undefined ? undefined : 'weights',
      expected: shape.weighted ? 'weights, because the flow is weighted' : 'none',
      wayOut: 'Create the flow with weighted: true exactly if weights are given.',
    });
  }
  if (weights === undefined) return;
  const size = stateLength(1, shape.tokens);
  if (weights.length !== samples * size) {
    throw new MesoscopeError({
      code: 'shape-mismatch',
      path: 'weights',
      received: [weights.length],
      expected: [samples, size],
    });
  }
  for (let s = 0; s < samples; s++) {
    for (let i = s * size; i < s * size + shape.tokens; i++) {
      const received = weights[i];
      if (!(received >= 0 && Number.isFinite(received))) {
        throw new MesoscopeError({
          code: 'invalid-value',
          path: `weights[${i}]`,
          received,
          expected: 'a finite number ≥ 0',
        });
      }
    }
  }
}
