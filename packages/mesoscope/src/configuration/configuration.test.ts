import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { MesoscopeError } from '../errors.ts';
import { applyAssignment, configurationDifferences, mergeConfigurations } from './assign.ts';
import { finiteJson } from './finite-json.ts';
import { parseConfiguration } from './parse.ts';

const schema = z.strictObject({
  rate: z.number().positive().default(0.1),
  training: z
    .strictObject({
      depths: z.array(z.int().positive()).min(1).default([2, 4]),
      batch: z.int().default(8),
    })
    .prefault({}),
  heads: z.array(z.strictObject({ Q: z.array(z.number()), K: z.array(z.number()) })).default([]),
  law: z
    .union([z.strictObject({ points: z.array(z.number()) }), z.strictObject({ box: z.number() })])
    .optional(),
});

function faultOf(input: unknown): readonly { path: string; message: string }[] {
  try {
    parseConfiguration(schema, input);
  } catch (error) {
    if (error instanceof MesoscopeError && error.fault.code === 'invalid-configuration') {
      return error.fault.issues;
    }
  }
  return [];
}

describe('parseConfiguration', () => {
  it('fills in the defaults', () => {
    expect(parseConfiguration(schema, {})).toEqual({
      rate: 0.1,
      training: { depths: [2, 4], batch: 8 },
      heads: [],
    });
  });

  it('answers an unknown key with the nearest one, at any depth', () => {
    expect(faultOf({ rat: 1 })).toEqual([
      { path: 'rat', message: 'unknown key. Did you mean "rate"?' },
    ]);
    expect(faultOf({ training: { depht: [2] } })).toEqual([
      { path: 'training.depht', message: 'unknown key. Did you mean "depths"?' },
    ]);
    expect(faultOf({ heads: [{ Q: [1], K: [1], q2: 1 }] })[0]).toEqual({
      path: 'heads[0].q2',
      message: 'unknown key. Did you mean "Q"?',
    });
    expect(faultOf({ xylophone: 1 })[0].message).toContain(
      'Known here: rate, training, heads, law',
    );
  });

  it('lists every path with the value received', () => {
    const issues = faultOf({ rate: -1, training: { depths: [0] } });
    expect(issues.map((issue) => issue.path)).toEqual(['rate', 'training.depths[0]']);
    expect(issues[0].message).toContain('(received -1)');
  });

  it('reports the alternative of a union that came closest', () => {
    expect(faultOf({ law: { points: [1, 'x'] } })[0].path).toBe('law.points[1]');
  });
});

describe('applyAssignment', () => {
  it('reads JSON, falls back to text, and copies', () => {
    const before = { a: { b: [1, 2] }, c: 'x' };
    expect(applyAssignment(before, 'a.b[1]=5')).toEqual({ a: { b: [1, 5] }, c: 'x' });
    expect(applyAssignment(before, 'a.b=[3]')).toEqual({ a: { b: [3] }, c: 'x' });
    expect(applyAssignment(before, 'c=moby-dick')).toEqual({ a: { b: [1, 2] }, c: 'moby-dick' });
    expect(applyAssignment(before, 'd.e=null')).toEqual({
      a: { b: [1, 2] },
      c: 'x',
      d: { e: null },
    });
    expect(applyAssignment(before, 'c=a=b')).toEqual({ a: { b: [1, 2] }, c: 'a=b' });
    expect(applyAssignment({}, 'heads[0].Q=[[1]]')).toEqual({ heads: [{ Q: [[1]] }] });
    expect(before).toEqual({ a: { b: [1, 2] }, c: 'x' });
  });

  it.each(['novalue', '=3', 'a..b=1', 'c.d=1', 'a.b[7]=1', '__proto__.x=1'])(
    'refuses %s',
    (text) => {
      expect(() => applyAssignment({ a: { b: [1, 2] }, c: 'x' }, text)).toThrow(MesoscopeError);
    },
  );
});

it('overlays objects key by key and replaces lists', () => {
  expect(mergeConfigurations({ a: { b: 1, c: [1, 2] }, d: 1 }, { a: { c: [3] } })).toEqual({
    a: { b: 1, c: [3] },
    d: 1,
  });
});

it('says where two configurations differ', () => {
  expect(configurationDifferences({ a: [1, 2], b: { c: 1 } }, { a: [1, 3], b: {} })).toEqual([
    { path: 'a.1', one: 2, other: 3 },
    { path: 'b.c', one: 1, other: undefined },
  ]);
  expect(configurationDifferences({ a: [1] }, { a: [1] })).toEqual([]);
});

it('replaces numbers that JSON does not have and says so', () => {
  const { value, notes } = finiteJson({ a: [1, Number.NaN], b: new Float64Array([Infinity, 2]) });
  expect(value).toEqual({ a: [1, null], b: [null, 2] });
  expect(notes).toHaveLength(2);
  expect(notes[0]).toContain('a[1] is NaN');
});
