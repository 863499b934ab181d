import * as z from 'zod';
import type { Evidence, Finding } from './claim.ts';
import type { Given } from './given.ts';

/** A field of a claim's own experiments, in JSON schema. */
export interface Field {
  readonly type?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly minItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Field;
}

/** The own fields of a claim by name. */
export function fieldsOf({ ownSchema }: Pick<Given<unknown>, 'ownSchema'>): [string, Field][] {
  const { properties } = z.toJSONSchema(ownSchema, { io: 'input', unrepresentable: 'any' });
  return Object.entries((properties ?? {}) as Record<string, Field>);
}

/**
 * The least and the largest sensible value of a field, and degenerate ones: counts at their minimum and one above, numbers far
 * apart, the shortest lists of the smallest entries, whatever can be listed.
 */
export function edgesOf(field: Field, present: unknown): unknown[] {
  const { minimum, maximum, minItems = 0, items = {} } = field;
  if (field.enum !== undefined) return [...field.enum];
  if (typeof present === 'boolean') return [true, false];
  if (typeof present === 'number') {
    return field.type === 'integer'
      ? [minimum ?? 1, (minimum ?? 1) + 1, Math.min(maximum ?? Infinity, present + 1)]
      : [minimum ?? 1e-9, 30 * present, maximum ?? 1e4 * present];
  }
  if (items.enum !== undefined) return [[], [...items.enum], [items.enum[0], items.enum[0]]];
  if (typeof (present as unknown[])[0] !== 'number') return [];
  const least = items.minimum ?? 1;
  const length = Math.max(1, minItems);
  const counting = Array.from({ length }, (_, i) => least + i);
  return [counting, counting.map((_, i) => least * 2 ** i), [...(present as number[]), 2 ** 9]];
}

/** What is wrong with a finding whatever it says: what is no number, a verdict without its reason, a true statement that fails. */
export function faultsOf({
  verdict,
  summary,
  checks,
  evidence,
  figures,
  resolution,
  assumptions,
}: Finding): string[] {
  const faults: string[] = [];
  if (verdict === 'fails') faults.push(`fails: ${summary}`);
  if (verdict !== 'holds' && !/^(Undecided|Outside|Contradicted)[^:]*: .{10}/.test(summary)) {
    faults.push(`no reason for ${verdict}: ${summary}`);
  }
  const texts = [summary, ...[...resolution, ...assumptions].map(({ value }) => String(value))];
  faults.push(...texts.filter((text) => /NaN|undefined/.test(text)));
  for (const { name, measured, outcome } of checks) {
    if (outcome !== 'undecided' && Number.isNaN(measured)) faults.push(`NaN ${outcome}: ${name}`);
  }
  for (const [name, value] of Object.entries(evidence)) {
    if (numbersIn(value).some(Number.isNaN)) faults.push(`NaN in evidence: ${name}`);
  }
  const marks = JSON.stringify(
    figures.map((figure) => figure.marks),
    (_, value) => (ArrayBuffer.isView(value) ? Array.from(value as Float64Array) : value),
  );
  if (/[[,:]null/.test(marks)) faults.push('a figure with what is no number');
  return faults;
}

function numbersIn(value: Evidence): number[] {
  if (typeof value === 'number') return [value];
  if (typeof value === 'string') return [];
  return Object.values(value)
    .flat(2)
    .filter((one): one is number => typeof one === 'number');
}
