import type { Backend } from '../../kernels/backend.ts';
import type { Matrix } from '../../numeric/matrix.ts';
import type { Model } from '../model.ts';
import { afterStep } from './layer-flow.ts';
import type { StackPlan, StackStep } from './stack-plan.ts';

/** Networks that agree up to here, and where they are. */
interface Group {
  readonly state: Matrix;
  /** Their numbers. */
  readonly plans: readonly number[];
}

/**
 * One input through several versions of a network, depth by depth: what they have in common from the embedding on is computed once.
 *
 * @param initial - h⁰, n × d
 * @param progress - called after each depth with the share that is done
 * @returns the states after the last normalisation, one of each plan
 * @throws MesoscopeError as `Model.layer`; `out-of-memory`
 */
export async function runPlans(
  backend: Backend,
  model: Model,
  initial: Matrix,
  plans: readonly StackPlan[],
  progress?: (share: number) => void | Promise<void>,
): Promise<Matrix[]> {
  const depth = Math.max(...plans.map(({ length }) => length));
  let groups: Group[] = [{ state: initial, plans: [...plans.keys()] }];
  for (let place = 0; place < depth; place++) {
    const next: Group[] = [];
    for (const group of groups) {
      for (const { step, members } of parted(group.plans, plans, place)) {
        const state = await afterStep(backend, model, step, group.state);
        next.push({ state, plans: members });
      }
    }
    groups = next;
    await progress?.((place + 1) / depth);
  }
  const finished = new Map<number, Matrix>();
  for (const { state, plans: members } of groups) {
    const end = await model.finish(backend, state);
    for (const plan of members) finished.set(plan, end);
  }
  return Array.from(plans, (_, plan) => finished.get(plan) as Matrix);
}

/** Networks that were the same so far, by what they do next. */
function parted(members: readonly number[], plans: readonly StackPlan[], place: number) {
  const parts = new Map<string, { readonly step: StackStep; readonly members: number[] }>();
  for (const plan of members) {
    const step = plans[plan][place];
    const key = JSON.stringify(step);
    const part = parts.get(key) ?? { step, members: [] };
    part.members.push(plan);
    parts.set(key, part);
  }
  return parts.values();
}
