import { describe, expect, it } from 'vitest';
import { type Field, fieldsOf } from './own-fields.fixture.ts';
import { claims } from './registry.ts';

/** Just outside the edge of a field; undefined where there is no edge. */
function outside({ type, minimum, minItems }: Field): unknown {
  if (type === 'array') return (minItems ?? 0) > 0 ? [] : undefined;
  if (minimum === undefined) return type === 'number' ? 'one' : undefined;
  return minimum - 1;
}

describe.each(claims.map(({ id, given }) => [id, given] as const))('%s', (_, given) => {
  const fields = fieldsOf(given);

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
