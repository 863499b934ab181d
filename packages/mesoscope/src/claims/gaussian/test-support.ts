import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import type { Claim, Finding } from '../claim.ts';
import { runClaim } from '../run.ts';

export const backend = await createWasmBackend();

/** Runs a claim; no summary may show what is no number. */
export async function find<G, M>(
  claim: Claim<G, M>,
  instance: unknown = {},
  seed = 1,
): Promise<Finding> {
  const { finding } = await runClaim({ claim: claim as Claim, instance }, { backend, seed });
  if (/NaN|undefined/.test(finding.summary)) throw new Error(finding.summary);
  return finding;
}

/** Names of the hypotheses and resolutions that are not met. */
export function unmet({ assumptions, resolution }: Finding): string {
  return [...assumptions, ...resolution]
    .filter(({ holds }) => !holds)
    .map(({ name, value }) => `${name}: ${value}`)
    .join('; ');
}

export const I = [
  [1, 0],
  [0, 1],
];
export const scaled = (c: number) => I.map((row) => row.map((entry) => c * entry));
export const law = { mean: [0, 0], covariance: I };
export const wide = (c: number) => ({ mean: [0, 0], covariance: scaled(c) });
