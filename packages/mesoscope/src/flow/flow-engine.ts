import type { Backend, FloatArray } from '../kernels/backend.ts';
import { requireShape } from '../numeric/checks.ts';
import type { DepthEngine, DepthGradient, DepthInput, DepthOutcome } from './depth-engine.ts';
import type { FlowOptions } from './flow-contract.ts';
import { createFlowSteps } from './flow-steps.ts';
import { createPause } from './pause.ts';
import type { Checkpoints, Trajectory } from './trajectory.ts';

export interface FlowEngineOptions extends FlowOptions {
  /** Which states the way back keeps, the others being computed again; default `all`. */
  readonly checkpoints?: Checkpoints;
}

/** The last call on each backend: scopes of its memory must end in the order opposite to their beginning. */
const turns = new WeakMap<Backend, Promise<unknown>>();

/**
 * The depth engine on a backend: a flow that stops now and then for the host, to see an abort and to keep a page alive.
 *
 * @throws MesoscopeError `invalid-value`, `out-of-memory`
 */
export function createFlowEngine(backend: Backend, options: FlowEngineOptions): DepthEngine {
  const steps = createFlowSteps(backend, options);

  /** Runs `work` in a scope of its own once earlier calls on the backend have ended. */
  function inTurn<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const before = turns.get(backend) ?? Promise.resolve();
    const run = before.then(() => {
      signal?.throwIfAborted();
      return backend.scopedAsync(work);
    });
    turns.set(
      backend,
      run.catch(() => undefined),
    );
    return run;
  }

  /** A copy in the backend's memory. */
  function here(values: FloatArray): FloatArray {
    const copy = backend.allocate(values.length);
    copy.set(values);
    return copy;
  }

  function forward(input: DepthInput, checkpoints: Checkpoints): Promise<Trajectory> {
    const { grid, controls, initial, weights, keepStates = false, signal } = input;
    return stepByStep(
      steps.forward({
        grid,
        controls: { ...controls, nodes: here(controls.nodes) },
        initial: here(initial),
        weights: weights && here(weights),
        checkpoints: keepStates ? 'all' : checkpoints,
      }),
      signal,
    );
  }

  return {
    forward: (input) =>
      inTurn(input.signal, async () => outcomeOf(await forward(input, 'ends'), input)),
    gradient: (input) =>
      inTurn(input.signal, async (): Promise<DepthGradient> => {
        const { signal, keepCostates = false } = input;
        const trajectory = await forward(input, options.checkpoints ?? 'all');
        const outcome = outcomeOf(trajectory, input);
        if (trajectory.status.kind !== 'completed') return outcome;
        const costate = input.terminalCostate(outcome.last);
        requireShape('terminalCostate', [costate.length], [outcome.last.length]);
        const gradient = backend.allocate(input.controls.nodes.length);
        const terminalCostate = here(costate);
        const order = { trajectory, terminalCostate, gradient, keepCostates };
        const room = steps.room(order);
        const { status, initial } = await stepByStep(steps.backward(order, room), signal);
        const adjoint = { status, initial: initial.slice(), gradient: gradient.slice() };
        return {
          ...outcome,
          adjoint: keepCostates ? { ...adjoint, costates: room.map((p) => p.slice()) } : adjoint,
        };
      }),
  };
}

/** Takes the steps; the host has its turn now and then. @throws the signal's reason */
async function stepByStep<T>(
  steps: Generator<void, T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  const pause = createPause();
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    const pausing = pause();
    if (pausing === undefined) continue;
    await pausing;
    signal?.throwIfAborted();
  }
}

/** Everything that is in the backend's memory, copied. */
function outcomeOf(trajectory: Trajectory, { keepStates = false }: DepthInput): DepthOutcome {
  const { status, steps, last } = trajectory;
  const outcome = { status, steps, last: last.slice() };
  if (!keepStates) return outcome;
  const states = Array.from({ length: steps + 1 }, (_, k) => trajectory.state(k).slice());
  return { ...outcome, states };
}
