import * as z from 'zod';
import { takesSplitSteps } from '../../checkpoint/depth/layer-flow.ts';
import { type RefinementRecord, refinementRecord } from '../../checkpoint/depth/refinement.ts';
import { runPlans } from '../../checkpoint/depth/run-plans.ts';
import { refined } from '../../checkpoint/depth/stack-plan.ts';
import type { Model } from '../../checkpoint/model.ts';
import type { MeasureContext } from '../claim.ts';
import type { GivenModel } from './instance.ts';

/** Up to how many steps a layer is refined. */
export const doublingsField = z
  .int()
  .min(4)
  .max(12)
  .default(6)
  .describe('layers are refined by 1, 2, 4, … 2^doublings steps each');

/** The number of steps at every doubling. */
export function stepsOf(doublings: number): number[] {
  return Array.from({ length: doublings + 1 }, (_, i) => 2 ** i);
}

/** All layers of a model as 1, 2, 4, … steps each, on one input. */
export function refineModel(
  { backend, progress }: Pick<MeasureContext<unknown>, 'backend' | 'progress'>,
  { model, initial }: GivenModel,
  doublings: number,
): Promise<RefinementRecord> {
  const { layers } = model.blueprint;
  const plans = stepsOf(doublings).map((m) => refined(layers, [0, layers], m));
  return runPlans(backend, model, initial, plans, progress).then(refinementRecord);
}

/** Which flow the layers of a model are steps of, in words. */
export function flowInWords({ blueprint }: Pick<Model, 'blueprint'>): string {
  return takesSplitSteps(blueprint.layer(0)) ? 'ẋ = A(x) + F(x), parts in turn' : 'ẋ = B(x) − x';
}
