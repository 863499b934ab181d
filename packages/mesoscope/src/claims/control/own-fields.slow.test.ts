import { afterAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import type { Claim, Finding } from '../claim.ts';
import { claims } from '../registry.ts';
import { runClaim } from '../run.ts';

/** Every field of every claim's own experiments can be changed alone, and changes what is measured. */

const backend = await createWasmBackend({ threads: 1 });
afterAll(() => backend.dispose());

/** The own experiments of each claim, as small as they tell anything. */
const small: Readonly<Record<string, object>> = {
  'A.euler-order': { flows: 1, depths: [8, 16, 32, 64] },
  'A.depth-profile': { flows: 2, depths: [8, 16, 32, 64] },
  'A.costate-order': { flows: 1, depths: [8, 16, 32, 64] },
  'A.terminal-costate': { readouts: 3 },
  'A.gradient': { models: 1 },
  'A.transport': { layers: 1, cells: [16, 32, 64, 128], planeCells: [8, 16, 32, 64] },
  'A.sampling': { populations: 1, resamples: 100 },
  'A.uniform': { populations: 1, resamples: 100, controls: 8 },
  'A.value-gap': { problems: 1 },
  'A.regularity': { problems: 2, contrasts: 1 },
  'A.hamiltonian': { problems: 2, smoothProblems: 1 },
  'A.recovery': { problems: 1 },
  'A.range': { problems: 1 },
  'A.initialisation': { problems: 1 },
  'A.stability': { problems: 1 },
  'A.solvers': { problems: 1 },
  'A.residual-mixing': { sequences: 2, iterations: [1, 20] },
};

interface Field {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly minItems?: number;
}

/** Values of a field that its schema may take beside the present one. */
function others(field: Field, present: unknown): unknown[] {
  if (field.enum !== undefined) return field.enum.filter((value) => value !== present);
  if (typeof present === 'boolean') return [!present];
  if (typeof present === 'number') {
    return field.type === 'integer' ? [present + 1] : [0.6 * present || 0.5];
  }
  const list = present as number[];
  const doubled = list.map((x) => 2 * x);
  return list.length > (field.minItems ?? 1) ? [list.slice(0, -1)] : [doubled];
}

/** All that was measured, without the time it took. */
function measurement({ checks, evidence, figures }: Finding): string {
  return JSON.stringify({ checks, evidence, figures }, (name, value) =>
    /[tT]ime(Ratio|Interval)$/.test(name) ? undefined : value,
  );
}

const ofPaper = claims.filter(({ paper }) => paper === 'A');

describe.each(ofPaper.map((claim) => [claim.id, claim] as const))('%s', (id, claim: Claim) => {
  const base = small[id];
  const { properties = {} } = z.toJSONSchema(claim.given.ownSchema, {
    io: 'input',
    unrepresentable: 'any',
  });
  const defaults = claim.given.parse(base, 'quick') as Readonly<Record<string, unknown>>;
  const find = async (instance: object) =>
    (await runClaim({ claim, instance }, { backend })).finding;

  let reference: string | undefined;

  it.each(Object.keys(properties))('%s', async (name) => {
    reference ??= measurement(await find(base));
    for (const value of others(properties[name] as Field, defaults[name])) {
      const finding = await find({ ...base, [name]: value });
      expect(finding.summary).not.toMatch(/NaN|undefined|Infinity/);
      expect(finding.verdict, finding.summary).not.toBe('fails');
      expect(measurement(finding)).not.toBe(reference);
    }
  });
});
