import { describe, expect, it } from 'vitest';
import { claims } from '../claims/registry.ts';
import { applyAssignment } from '../configuration/assign.ts';
import { studies } from './registry.ts';

/** Paths of all leaves that lie in an object or list, lists of numbers by their last entry. */
function nestedLeaves(value: unknown, path: string): string[] {
  if (typeof value !== 'object' || value === null) return [path];
  const entries = Object.entries(value);
  const all = entries.every(([, entry]) => typeof entry === 'number') ? entries.slice(-1) : entries;
  return all.flatMap(([key, entry]) => nestedLeaves(entry, path === '' ? key : `${path}.${key}`));
}

function valueAt(value: unknown, path: string): unknown {
  return path.split('.').reduce((node, key) => (node as Record<string, unknown>)[key], value);
}

/** One field set to what it is already must leave everything as it is: a lost sibling shows. */
function expectsSiblingsToStay(parse: (input: unknown) => unknown): void {
  const defaults = parse({});
  for (const path of nestedLeaves(defaults, '').filter((leaf) => leaf.includes('.'))) {
    const assignment = `${path}=${JSON.stringify(valueAt(defaults, path))}`;
    expect(parse(applyAssignment({}, assignment, defaults)), assignment).toEqual(defaults);
  }
}

describe('one field of a default object or list can be set alone', () => {
  it.each(studies.map((study) => [study.name, study] as const))('%s', (_, { schema }) =>
    expectsSiblingsToStay((input) => schema.parse(input)),
  );

  it.each(claims.map((claim) => [claim.id, claim] as const))('%s', (_, { given }) => {
    expectsSiblingsToStay((input) => given.parse(input, 'quick'));
    expectsSiblingsToStay((input) => given.parse(input, 'full'));
  });

  it('and changes that field only', () => {
    const phase = studies.find(({ name }) => name === 'gaussian/phase');
    const defaults = phase?.schema.parse({}) as { readonly flow: object };
    const set = applyAssignment({}, 'flow.horizon=3', defaults);
    expect(phase?.schema.parse(set)).toEqual({
      ...defaults,
      flow: { ...defaults.flow, horizon: 3 },
    });
  });
});
