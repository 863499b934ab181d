import { expect, it } from 'vitest';
import { studies, studyByName } from './registry.ts';

it('answers an unknown name with a fault', () => {
  expect(() => studyByName('no such study')).toThrow('Unknown study "no such study"');
});

it('has unique names', () => {
  const names = studies.map((study) => study.name);
  expect(new Set(names).size).toBe(names.length);
});

it.each(studies.map((study) => [study.name, study] as const))(
  '%s has defaults for all fields, an integer seed, and refuses unknown keys',
  (_, study) => {
    const preset = study.schema.parse({}) as { readonly seed?: unknown };
    expect(Number.isInteger(preset.seed)).toBe(true);
    expect(study.schema.safeParse({ 'no such key': 1 }).success).toBe(false);
  },
);
