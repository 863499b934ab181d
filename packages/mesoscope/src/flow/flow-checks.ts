import { MesoscopeError } from '../errors.ts';
import type { FloatArray } from '../kernels/backend.ts';
import { stateLength } from '../kernels/program.ts';
import { refuse, shapeMismatch } from '../numeric/checks.ts';
import { forEachEntry, stateLayout } from './entries.ts';
import type { BackwardInput, ForwardInput } from './flow-contract.ts';
import { checkGrid } from './grid.ts';
import type { Controls, FlowShape } from './types.ts';

/** Refuses sizes that are not whole and positive. @throws MesoscopeError `invalid-value` */
export function checkShape(shape: FlowShape): void {
  for (const path of ['tokens', 'samples'] as const) {
    const received = shape[path];
    if (!(Number.isInteger(received) && received >= 1)) {
      refuse(path, received, 'an integer ≥ 1');
    }
  }
}

/** Refuses a limit that is not positive. @throws MesoscopeError `invalid-value` */
export function checkLimit(limit: number): void {
  if (limit > 0) return;
  refuse('limit', limit, 'a positive number');
}

/** Refuses initial states, weights and controls that do not fit the flow, before work starts. */
export function checkForward(
  shape: FlowShape,
  parameterCount: number,
  input: ForwardInput,
  size: number,
): void {
  checkGrid(input.grid);
  const samples = checkStates('initial', input.initial, shape, size);
  checkControls(parameterCount, input.controls);
  checkWeights(shape, input.weights, samples);
}

/** Refuses a costate or gradient that does not fit, and a trajectory that did not reach its end. */
export function checkBackward(shape: FlowShape, input: BackwardInput, size: number): void {
  const { trajectory, terminalCostate, gradient } = input;
  if (trajectory.status.kind !== 'completed') {
    refuse(
      'trajectory.status',
      trajectory.status.kind,
      '"completed"',
      'A flow that stopped has no costate at its end.',
    );
  }
  if (terminalCostate.length !== trajectory.samples * size) {
    throw shapeMismatch('terminalCostate', [terminalCostate.length], [trajectory.samples, size]);
  }
  checkGradient(trajectory.controls, gradient);
  if ((trajectory.weights !== undefined) !== (shape.weighted ?? false)) {
    refuse('trajectory', 'a trajectory of another flow', 'a trajectory of this flow');
  }
}

/** Refuses controls of another field. */
export function checkControls(parameterCount: number, controls: Controls): void {
  if (controls.parameterCount === parameterCount) return;
  throw shapeMismatch('controls.parameterCount', [controls.parameterCount], [parameterCount]);
}

/** Refuses a gradient that is not shaped like the nodes. */
export function checkGradient(controls: Controls, gradient: FloatArray | undefined): void {
  const { nodeCount, parameterCount } = controls;
  if (gradient === undefined || gradient.length === nodeCount * parameterCount) return;
  throw shapeMismatch('gradient', [gradient.length], [nodeCount, parameterCount]);
}

/**
 * Refuses states whose length is not a whole number of samples between 1 and the most, or that are not finite.
 * Returns the number of samples.
 */
export function checkStates(
  path: string,
  states: FloatArray,
  shape: FlowShape,
  size: number,
): number {
  const samples = states.length / size;
  if (!(Number.isInteger(samples) && samples >= 1 && samples <= shape.samples)) {
    throw shapeMismatch(path, [states.length], [`1 … ${shape.samples} samples`, size]);
  }
  const layout = stateLayout(shape, samples);
  for (let sample = 0; sample < samples; sample++) {
    forEachEntry(layout, sample, (index) => {
      if (Number.isFinite(states[index])) return;
      throw new MesoscopeError({ code: 'not-finite', path, index, received: states[index] });
    });
  }
  return samples;
}

/** Refuses key weights that are missing, superfluous, of the wrong length, negative or not finite. */
export function checkWeights(
  shape: FlowShape,
  weights: FloatArray | undefined,
  samples: number,
): void {
  if ((weights !== undefined) !== (shape.weighted ?? false)) {
    refuse(
      'weights',
      weights === undefined ? undefined : 'weights',
      shape.weighted ? 'weights, because the flow is weighted' : 'none',
      'Create the flow with weighted: true exactly if weights are given.',
    );
  }
  if (weights === undefined) return;
  const size = stateLength(1, shape.tokens);
  if (weights.length !== samples * size) {
    throw shapeMismatch('weights', [weights.length], [samples, size]);
  }
  for (let s = 0; s < samples; s++) {
    for (let i = s * size; i < s * size + shape.tokens; i++) {
      const received = weights[i];
      if (!(received >= 0 && Number.isFinite(received))) {
        refuse(`weights[${i}]`, received, 'a finite number ≥ 0');
      }
    }
  }
}
