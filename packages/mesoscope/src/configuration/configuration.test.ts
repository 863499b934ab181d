import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { MesoscopeError } from '../errors.ts';
import { applyAssignment, configurationDifferences, mergeConfigurations } from './assign.ts';
import { finiteJson } from './finite-json.ts';
import { parseConfiguration } from './parse.ts';
import { configurationTemplate } from './template.ts';
import { requireFields, requireNamedFields } from './tree.ts';

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

  it.each(
    [
      ['novalue', '=3', 'a..b=1', 'c.d=1', 'a.b[7]=1'],
      ['__proto__.x=1', 'constructor.prototype=1', 'a.constructor=1'],
      [`${'a.'.repeat(20_000)}b=1`, `${'a'.repeat(20_000)}=1`],
    ].flat(),
  )('refuses %.30s', (text) => {
    const assign = () => applyAssignment({ a: { b: [1, 2] }, c: 'x' }, text);
    expect(assign).toThrow(MesoscopeError);
    expect(assign).toThrow(/^.{0,400}$/);
  });
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

describe('what is no configuration', () => {
  it.each([[[]], [1], [null], ['x'], [{}]])('%j names nothing', (value) => {
    expect(() => requireNamedFields(value, 'i.json')).toThrow('names at least one field');
  });

  it('is refused where it is nested too deep, in itself, or called like a part of JavaScript', () => {
    const deep = JSON.parse(`${'['.repeat(100)}${']'.repeat(100)}`);
    expect(() => parseConfiguration(schema, { heads: deep })).toThrow('at most 64');
    const circle: Record<string, unknown> = {};
    circle.training = circle;
    expect(() => parseConfiguration(schema, circle)).toThrow('at most 64');
    const hidden = JSON.parse('{"training": {"__proto__": {"batch": 1}}}');
    expect(() => parseConfiguration(schema, hidden)).toThrow('reserved by JavaScript');
  });

  it('repeats at most 120 characters and 20 complaints', () => {
    const long = 'x'.repeat(10_000);
    const attempt = (input: unknown) => () => parseConfiguration(schema, input);
    expect(attempt({ [long]: 1 })).toThrow(/^.{0,500}$/s);
    expect(attempt({ rate: long })).toThrow(/^.{0,500}$/s);
    expect(attempt({ training: { depths: Array(1000).fill('x') } })).toThrow('and 980 more');
  });

  it('is a call with a wrong key', () => {
    const fields = { needed: ['tokens'], optional: ['weights'] };
    expect(() => requireFields('the arguments', { token: 1 }, fields)).toThrow(
      /token: unknown key\. Did you mean "tokens"\?\n {2}tokens: is missing/,
    );
    expect(() => requireFields('the arguments', undefined, fields)).toThrow('tokens: is missing');
    requireFields('the arguments', { tokens: 1, weights: 2 }, fields);
  });
});

describe('lists are checked against each other', () => {
  const matrix = z.array(z.array(z.number()));
  const layer = z.strictObject({
    h0: matrix.describe('n tokens of d numbers'),
    heads: z.array(
      z.strictObject({
        Q: matrix.describe('k × d'),
        K: matrix.describe('k × d'),
        V: matrix.describe('d × d; v × d if there is an O').optional(),
        scale: z.number().optional(),
      }),
    ),
    U: matrix.describe('the readout, C × d; default: random').optional(),
    laws: z
      .array(z.strictObject({ points: matrix.describe('n points of d numbers') }))
      .default([])
      .describe('N token laws'),
  });
  const rows = (n: number, d: number) => Array.from({ length: n }, () => Array(d).fill(0.5));
  const heads = [{ Q: rows(2, 3), K: rows(2, 3) }];
  const attempt = (change: object) => () =>
    parseConfiguration(layer, { h0: rows(4, 3), heads, ...change });

  it('lets lengths that agree pass, and inner letters differ from item to item', () => {
    attempt({ heads: [...heads, { Q: rows(5, 3), K: rows(5, 3) }], U: rows(2, 3) })();
  });

  it('names the transposed one', () => {
    expect(attempt({ h0: rows(3, 4) })).toThrow(
      'h0: received shape [3 × 4], expected [n × 3] (d = 3 in heads[0].Q; transposed?)',
    );
    const Q = rows(3, 2);
    expect(attempt({ heads: [{ Q, K: rows(2, 3) }] })).toThrow(/^heads\[0\]\.Q: .*transposed\?/);
    expect(attempt({ U: rows(3, 5) })).toThrow(/^U: .*transposed\?/);
  });

  it('names the one at odds with the others', () => {
    expect(attempt({ U: rows(2, 5) })).toThrow(
      'U: received shape [2 × 5], expected [C × 3] (d = 3 in h0)',
    );
    expect(
      attempt({
        h0: [
          [1, 2, 3],
          [1, 2],
        ],
      }),
    ).toThrow('h0[1]: received shape [2], expected [3] (as h0[0])');
  });

  it('takes stacked lists for a list of objects', () => {
    const stacked = { Q: [rows(2, 3), rows(2, 3)], K: [rows(2, 3), rows(2, 3)], scale: [1, 2] };
    const { heads: taken } = parseConfiguration(layer, { h0: rows(4, 3), heads: stacked });
    expect(taken).toEqual([
      { ...heads[0], scale: 1 },
      { ...heads[0], scale: 2 },
    ]);
    expect(attempt({ heads: { Q: [rows(2, 3)], K: [] } })).toThrow(
      'heads.K: received shape [0], expected [1] (as many as heads.Q)',
    );
  });

  it('makes a template that the schema takes', () => {
    const { '// h0': comment, ...template } = configurationTemplate(layer) as { '// h0': string };
    expect(comment).toBe('n tokens of d numbers');
    expect(() => parseConfiguration(layer, withoutComments(template))).not.toThrow();
  });
});

/** A template as it is read from a file. */
function withoutComments(template: unknown): unknown {
  return JSON.parse(JSON.stringify(template), (_, value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith('//')))
      : value,
  );
}

describe('sizes are refused before anything is done', () => {
  const sized = z.strictObject({
    seed: z.int().default(1),
    depths: z.array(z.int()).default([2, 4]),
    tokens: z.int().default(8),
    hidden: z.int().default(16),
    resamples: z.int().default(100),
  });

  it.each([
    [{ depths: [8, 1e9] }, /^depths\[1\]: .*7\.5 GiB/],
    [{ tokens: 1e9 }, /^tokens: .*GiB and .*(days|years) of one core/],
    [{ hidden: 1e9 }, /^hidden: .*GiB/],
    [{ resamples: 1e9 }, /^resamples: .*GiB/],
  ])('%j', (input, sentence) => {
    expect(() => parseConfiguration(sized, input)).toThrow(sentence);
  });

  it('also by time alone, with the limit of it', () => {
    expect(() => parseConfiguration(sized, { tokens: 3e8 })).toThrow(/days of one core; .*30 days/);
  });

  it('a seed is no size', () => {
    expect(parseConfiguration(sized, { seed: 2 ** 40 }).seed).toBe(2 ** 40);
  });
});
