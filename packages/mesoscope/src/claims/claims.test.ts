import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { configurationTemplate } from '../configuration/template.ts';
import { MesoscopeError } from '../errors.ts';
import type { Backend } from '../kernels/backend.ts';
import { equals } from './check.ts';
import { bibtex, paperReference, referencesOf } from './citation.ts';
import { type Claim, type Conclusion, claim, concludeClaim } from './claim.ts';
import { claimsDocument } from './document.ts';
import { experiments } from './given.ts';
import { claims, selectClaims } from './registry.ts';
import { allStand, runClaims } from './run.ts';

/** Runs no kernels; claims here only compute numbers. */
const backend: Backend = {
  name: 'none',
  precision: 'f64',
  threads: 1,
  allocate: (length) => new Float64Array(length),
  scoped: (work) => work(),
  scopedAsync: (work) => work(),
  compile: () => () => {},
  dispose: () => {},
};

const slope = equals({
  name: 'slope',
  failsIf: 'the slope is not −1',
  measured: -1,
  interval: [-1.1, -0.9],
  expected: -1,
  rivals: [-2, 0],
});
const seen: Conclusion = {
  hypotheses: [{ name: 'horizon > 0', holds: true, value: 1 }],
  resolution: [],
  checks: [slope],
  evidence: { slope: -1, errors: [1, 0.5, Number.NaN] },
  summary: 'The slope is −1.',
  figures: [],
};
const outside: Conclusion = {
  ...seen,
  hypotheses: [{ name: 'horizon > 0', holds: false, value: -1 }],
};

function toy(id: string, measure: () => Conclusion): Claim {
  return claim<{ horizon: number }, Conclusion>({
    id,
    title: id,
    statement: '$a=b$',
    trust: { statement: 'D' },
    given: experiments({
      label: 'numbers',
      shared: { horizon: z.number().positive().default(1).describe('T') },
      own: {},
      data: {},
      pieces: () => 2,
    }),
    measure,
    conclude: ([first]) => first,
  }) as Claim;
}

const first = toy('A.first', () => seen);
const broken = toy('A.broken', () => {
  throw new Error('no luck');
});
const other = toy('C.other', () => outside);
const all = [first, broken, other];

describe('selectClaims', () => {
  it('takes letters and ids, each once, in registry order', () => {
    expect(selectClaims(['C', 'A.first', 'A'], all)).toEqual(all);
    expect(selectClaims(['C.other'], all)).toEqual([other]);
    expect(selectClaims([], all)).toEqual(all);
  });

  it('answers an unknown name with the nearest one', () => {
    expect(() => selectClaims(['A.frst'], all)).toThrow('Did you mean "A.first"?');
    expect(() => selectClaims(['B'], all)).toThrow(MesoscopeError);
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

describe('templates', () => {
  it.each(claims.map((one) => [one.id, one] as const))('%s', (_, { given }) => {
    const parse = (schema: z.ZodType) => () =>
      given.parse(withoutComments(configurationTemplate(schema)), 'quick');
    expect(parse(given.ownSchema)).not.toThrow();
    if (given.data.length === 0) return;
    // Long-context practice needs more than an example has: clouds of 8 tokens.
    if (given === claims.find(({ id }) => id === 'C.practice')?.given) {
      expect(parse(given.explicitSchema)).toThrow(/8 tokens or more/);
    } else expect(parse(given.explicitSchema)).not.toThrow();
  });
});

describe('runClaims', () => {
  it('reports a claim that throws and runs the others', async () => {
    const outcomes = await runClaims(
      all.map((one) => ({ claim: one })),
      { backend },
    );
    const document = claimsDocument(outcomes);
    expect(document.claims.map(({ verdict }) => verdict)).toEqual(['holds', null, 'outside']);
    expect(document.claims[1].error).toEqual({ code: 'internal', message: 'no luck' });
    expect(document.claims[2].summary).toContain('Outside the hypotheses: horizon > 0 (-1).');
    expect(allStand(outcomes)).toBe(false);
    expect(allStand([outcomes[0], outcomes[2]])).toBe(true);
  });

  it('refuses an instance before any work', async () => {
    let ran = false;
    const spy = toy('A.spy', () => {
      ran = true;
      return seen;
    });
    const tasks = [{ claim: spy }, { claim: first, instance: { horizon: -1 } }];
    await expect(runClaims(tasks, { backend })).rejects.toThrow('horizon');
    expect(ran).toBe(false);
  });
});

it('writes only numbers that JSON has, and notes the others', () => {
  const finding = concludeClaim({ conclude: () => seen }, [], { given: { horizon: 1 }, seed: 1 });
  const [document] = claimsDocument([{ claim: first, finding, seconds: 1 }]).claims;
  expect(document.evidence).toEqual({ slope: -1, errors: [1, 0.5, null] });
  expect(document.notes).toEqual([
    'evidence.errors[2] is NaN, which JSON cannot hold: null stands for it',
  ]);
  expect(document).toMatchObject({
    measured: -1,
    expected: -1,
    interval: [-1.1, -0.9],
    instance: { horizon: 1 },
    checks: [{ name: 'slope', kind: 'equals', outcome: 'holds' }],
  });
});

it('cites each work once, papers first', () => {
  const extra = { key: 'li2017', title: 'T', authors: ['Li'], year: 2017, arxiv: '1710.09513' };
  const references = referencesOf(['D'], [first, { ...first, references: [extra] }, other]);
  expect(references.map((reference) => reference.arxiv)).toEqual([
    '2606.23235',
    '2606.07600',
    '2605.17660',
    '1710.09513',
  ]);
  expect(bibtex(paperReference('D'))).toContain(
    'author = {Barboni and {de Hoop} and Furuya and Peyré}',
  );
});

it('lists claims paper by paper, under unique ids', () => {
  const ids = claims.map((one) => one.id);
  expect(ids.filter((id) => /^[ABCD]/.test(id))).toHaveLength(40);
  expect(new Set(ids).size).toBe(ids.length);
  const letters = claims.map((one) => one.paper);
  expect(letters).toEqual([...letters].sort());
});

it.each(claims.map((one) => [one.id, one] as const))('%s refuses unknown keys', (_, one) => {
  expect(() => one.given.parse({ 'no such key': 1 }, 'quick')).toThrow(/no such key/);
});

it.each(claims.map((one) => [one.id, one] as const))(
  '%s has an experiment of its own in both settings, with pieces to count',
  (_, one) => {
    const [quick, full] = (['quick', 'full'] as const).map((setting) =>
      one.given.pieces(one.given.parse({}, setting)),
    );
    expect(quick).toBeGreaterThan(0);
    expect(full).toBeGreaterThanOrEqual(quick);
  },
);
