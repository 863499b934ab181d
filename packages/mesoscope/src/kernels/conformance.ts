import { attentionCases } from './conformance/attention.ts';
import { columnCases } from './conformance/columns.ts';
import { linearCases } from './conformance/linear.ts';
import { transportCases } from './conformance/transport.ts';
import type { ConformanceCase } from './conformance/trial.ts';

export type { Conformance, ConformanceCase } from './conformance/trial.ts';

/**
 * What every backend must do: each case runs one program on the backend and on the reference, over random content
 * from fixed seeds, and returns the worst deviation with the tolerance that it has to meet.
 *
 * ```ts
 * for (const { name, run } of conformanceCases()) {
 *   const { deviation, tolerance } = run(backend);
 *   if (!(deviation <= tolerance)) throw new Error(`${name}: ${deviation} > ${tolerance}`);
 * }
 * ```
 */
export function conformanceCases(): readonly ConformanceCase[] {
  return cases;
}

/** Made once, because a case remembers what the reference found. */
const cases: readonly ConformanceCase[] = [
  ...linearCases(),
  ...columnCases(),
  ...attentionCases(),
  ...transportCases(),
];
