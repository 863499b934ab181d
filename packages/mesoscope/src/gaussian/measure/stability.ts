import { classifyLayer } from '../classify.ts';
import type { GaussianFlow } from '../gaussian-flow.ts';
import { type EquilibriumApproach, measureApproach } from './equilibrium-approach.ts';
import type { SufficientRecord } from './sufficient.ts';

/** What one layer shows of stability: its approach to the closed form, or what the sufficient tests say about it. */
export interface StabilityRecord {
  readonly approach: EquilibriumApproach | null;
  readonly sufficient: SufficientRecord | null;
  /** Of an explicit layer: what the covariance does in the long run, whatever the theorem says. */
  readonly regime: string | null;
  readonly blowUpTime: number | null;
}

export const notMeasured: StabilityRecord = {
  approach: null,
  sufficient: null,
  regime: null,
  blowUpTime: null,
};

/** The approach of a layer to its equilibrium; where the theorem has none, its regime. */
export function measureStability(flow: GaussianFlow): StabilityRecord {
  const approach = measureApproach(flow);
  if (approach.applies) return { ...notMeasured, approach, regime: 'stable' };
  const { regime, blowUpTime } = classifyLayer(flow.layer, flow.start);
  return { ...notMeasured, approach, regime, blowUpTime };
}
