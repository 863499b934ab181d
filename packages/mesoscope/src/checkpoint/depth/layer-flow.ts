import { createLayerStep } from '../../flow/layer-step.ts';
import type { Backend } from '../../kernels/backend.ts';
import { type Matrix, zeros } from '../../numeric/matrix.ts';
import type { LayerPlan } from '../architecture.ts';
import type { LoadedLayer, Model } from '../model.ts';
import type { StackStep } from './stack-plan.ts';

/**
 * The flow of which a layer is one step of length 1, which its weights alone do not say:
 *
 * - a layer that normalises before its parts is Lie–Trotter's step of `ẋ = A(x) + F(x)`: `x ← x + hA(x)`, `x ← x + hF(x)`;
 * - one that normalises after its sums is not the identity where its parts are 0, so that A and F are no velocities; the layer B
 *   as a whole is Euler's step of the relaxation `ẋ = B(x) − x`, which stops where B has its fixed points.
 */
export function takesSplitSteps({ options }: LayerPlan): boolean {
  return options.order !== 'post';
}

/** Lengths and number of steps along one layer. */
type Steps = Pick<StackStep, 'length' | 'steps'>;

/** States after steps along one layer's flow; each n × d, of any n. */
export function alongLayer(
  backend: Backend,
  { plan, field, parameters }: LoadedLayer,
  states: readonly Matrix[],
  steps: Steps = { length: 1, steps: 1 },
): Matrix[] {
  return backend.scoped(() => {
    const theta = backend.allocate(parameters.length);
    theta.set(parameters);
    const split = takesSplitSteps(plan);
    return states.map((points) => {
      const flow = { field, tokens: points.rows, parameters: theta, split, ...steps };
      return backend.scoped(() => createLayerStep(backend, flow).step(points));
    });
  });
}

/** The state after one place of an operated network. */
export async function afterStep(
  backend: Backend,
  model: Model,
  { layers, length, steps }: StackStep,
  state: Matrix,
): Promise<Matrix> {
  if (layers.length === 0) return state;
  if (layers.length === 1) {
    const loaded = await model.layer(layers[0]);
    return alongLayer(backend, loaded, [state], { length, steps })[0];
  }
  let now = state;
  for (let step = 0; step < steps; step++) {
    const sum = zeros(now.rows, now.columns);
    sum.data.set(now.data);
    for (const l of layers) {
      const [after] = alongLayer(backend, await model.layer(l), [now], {
        length: length / steps,
        steps: 1,
      });
      for (let k = 0; k < sum.data.length; k++) sum.data[k] += after.data[k] - now.data[k];
    }
    now = sum;
  }
  return now;
}
