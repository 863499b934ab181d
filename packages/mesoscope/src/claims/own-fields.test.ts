import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { claims } from './registry.ts';

/** What a field of a claim's own experiments looks like in JSON schema. */
interface FieldSchema {
  readonly type?: string;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly minItems?: number;
}

function fieldsOf(schema: z.ZodType): [string, FieldSchema][] {
  const { properties } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return Object.entries((properties ?? {}) as Record<string, FieldSchema>);
}

/** Just outside the edge of a field; undefined where there is no edge. */
function outside({ type, minimum, minItems }: FieldSchema): unknown {
  if (type === 'array') return (minItems ?? 0) > 0 ? [] : undefined;
  if (minimum === undefined) return type === 'number' ? 'one' : undefined;
  return minimum - 1;
}

describe.each(claims.map(({ id, given }) => [id, given] as const))('%s', (_, given) => {
  const fields = fieldsOf(given.ownSchema);

  it.each(['quick', 'full'] as const)('takes every own field alone, %s', (setting) => {
    for (const [name, field] of fields) {
      if (field.default === undefined) continue;
      const parsed = given.parse({ [name]: field.default }, setting);
      expect(parsed).toMatchObject({ [name]: field.default });
    }
  });

  it('refuses what lies outside a field, by its name', () => {
    for (const [name, field] of fields) {
      const wrong = outside(field);
      if (wrong !== undefined) {
        expect(() => given.parse({ [name]: wrong }, 'quick')).toThrow(name);
      }
    }
  });
});
