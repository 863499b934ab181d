import { toRows } from '../../numeric/matrix.ts';
import { classifyLayer } from '../classify.ts';
import type { GaussianFlow } from '../gaussian-flow.ts';
import { largestDifference } from './compared.ts';
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

/** What was measured of all layers, by name. */
export function stabilityNumbers(measured: readonly StabilityRecord[]) {
  const records = measured.flatMap(({ approach }) => approach ?? []);
  const sufficient = measured.flatMap(({ sufficient }) => sufficient ?? []);
  const [first] = records;
  const { regime, blowUpTime } = measured[0];
  return {
    'difference.path': records.map((one) => largestDifference(one.path)),
    'difference.equilibrium': records.map((one) =>
      largestDifference(one.limit === null ? [] : [one.limit]),
    ),
    'difference.powerSums': records.map((one) => largestDifference(one.powerSums)),
    'mean.stable': records.filter((one) => one.meanStable === true).length,
    'mean.valueNegative': records.filter((one) => one.totalValue < 0).length,
    'sufficient.bounded': sufficient.filter((one) => one.conclusion === 'bounded').length,
    'sufficient.blowUp': sufficient.filter((one) => one.conclusion === 'blow-up').length,
    'sufficient.contradictions': sufficient.filter((one) => one.contradicted).length,
    ...(records.length === 1
      ? {
          regime: regime ?? 'not asked',
          'blowUpTime.predicted': blowUpTime ?? 'none',
          equilibrium: first.equilibrium === null ? 'none' : toRows(first.equilibrium),
          jacobianSpectrum: first.spectrum === null ? 'none' : Array.from(first.spectrum.real),
          'jacobianSpectrum.imaginary':
            first.spectrum === null ? 'none' : Array.from(first.spectrum.imaginary),
        }
      : {}),
  };
}
