import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { MesoscopeError } from '../errors.ts';
import type { Backend } from '../kernels/backend.ts';
import { bibtex, paperReference, referencesOf } from './citation.ts';
import { type Claim, type Finding, judge } from './claim.ts';
import { claimsDocument } from './document.ts';
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

const finding: Finding = {
  assumptions: [{ name: 'horizon > 0', holds: true, value: 1 }],
  evidence: { slope: -1, errors: [1, 0.5, Number.NaN] },
  measured: -1,
  expected: { kind: 'value', value: -1 },
  interval: [-1.1, -0.9],
  verdict: 'holds',
  summary: 'The slope is −1.',
  figures: [],
};

function toy(id: string, paper: 'A' | 'C', run: Claim['run']): Claim {
  return {
    id,
    paper,
    title: id,
    statement: '$a=b$',
    trust: 'D',
    quantity: 'slope',
    instance: z.strictObject({ horizon: z.number().positive() }),
    run,
  };
}

const first = toy('A.first', 'A', async () => finding);
const broken = toy('A.broken', 'A', async () => {
  throw new Error('no luck');
});
const other = toy('C.other', 'C', async () => ({ ...finding, verdict: 'outside' as const }));
const all = [first, broken, other];

describe('selectClaims', () => {
  it('takes letters and ids, each once, in registry order', () => {
    expect(selectClaims(['C', 'A.first', 'A'], all)).toEqual(all);
    expect(selectClaims(['C.other'], all)).toEqual([other]);
    expect(selectClaims([], all)).toEqual(all);
  });

  it('answers a slip with the nearest id', () => {
    expect(() => selectClaims(['A.frist'], all)).toThrow('Did you mean "A.first"?');
    expect(() => selectClaims(['B'], all)).toThrow(MesoscopeError);
  });
});

describe('runClaims', () => {
  it('reports a claim that throws and runs the others', async () => {
    const outcomes = await runClaims(
      all.map((claim) => ({ claim })),
      { backend },
    );
    const document = claimsDocument(outcomes);
    expect(document.claims.map((claim) => claim.verdict)).toEqual(['holds', null, 'outside']);
    expect(document.claims[1].error).toEqual({ code: 'internal', message: 'no luck' });
    expect(allStand(outcomes)).toBe(false);
    expect(allStand([outcomes[0], outcomes[2]])).toBe(true);
  });

  it('refuses an instance before any work', async () => {
    let ran = false;
    const spy = toy('A.spy', 'A', async () => {
      ran = true;
      return finding;
    });
    const tasks = [{ claim: spy }, { claim: first, instance: { horizon: -1 } }];
    await expect(runClaims(tasks, { backend })).rejects.toThrow('horizon');
    expect(ran).toBe(false);
  });
});

it('writes only numbers that JSON has, and notes the others', async () => {
  const [claim] = claimsDocument([{ claim: first, finding, seconds: 1 }]).claims;
  expect(claim.evidence).toEqual({ slope: -1, errors: [1, 0.5, null] });
  expect(claim.notes).toEqual([
    'evidence.errors[2] is NaN, which JSON cannot hold: null stands for it',
  ]);
  expect(claim).toMatchObject({ expected: -1, relation: 'value', tolerance: 0 });
});

it('never lets a measured NaN hold', () => {
  expect(judge([], Number.NaN, [0, 2], { kind: 'value', value: 1 })).toBe('fails');
  expect(judge([], Number.NaN, null, { kind: 'at-most', value: 1 })).toBe('fails');
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
  const ids = claims.map((claim) => claim.id);
  expect(new Set(ids).size).toBe(ids.length);
  const letters = claims.map((claim) => claim.paper);
  expect(letters).toEqual([...letters].sort());
});

it.each(claims.map((claim) => [claim.id, claim] as const))(
  '%s refuses unknown keys',
  (_, claim) => {
    expect(claim.instance.safeParse({ 'no such key': 1 }).success).toBe(false);
  },
);
