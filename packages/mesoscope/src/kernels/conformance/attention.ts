import type { AttentionKind, AttentionShape } from '../instruction.ts';
import { attentionKinds } from '../instruction-table.ts';
import {
  type ConformanceCase,
  constant,
  type Entry,
  normal,
  normalTimes,
  trialCase,
  uniform,
  whole,
} from './trial.ts';

/** Attention of every kind, forward and pulled back. */
export function attentionCases(): ConformanceCase[] {
  const small = { n: 9, m: 13, heads: 3, k: 2, v: 5 };
  return [
    ...variants.flatMap((variant) =>
      [5, 37, 130].flatMap((n) => [false, true].map((causal) => variantCase(variant, n, causal))),
    ),
    ...attentionKinds.flatMap((kind) =>
      [false, true].flatMap((causal) => [
        ...shapes.map((shape) => attentionCase({ ...shape, kind, causal, content: 'plain' })),
        ...contents.map((content) => attentionCase({ ...small, kind, causal, content })),
        attentionCase({ ...small, n: 70, m: 70, kind, causal, content: 'some keys of weight 0' }),
        attentionCase({ ...small, n: 70, m: 70, kind, causal, content: 'scores ±1e4' }),
        coincidingCase(kind, causal),
      ]),
    ),
    exponentialCase(),
    ...[false, true].map(offsetCase),
  ];
}

/** One key, so that what is seen is the exponential itself: to 10⁻¹⁵. */
function exponentialCase(): ConformanceCase {
  return trialCase({
    name: 'attention, exponentials one by one',
    samples: 2,
    growth: { f64: 4.5, f32: 6 },
    size: 'entry',
    write({ builder, operand }) {
      builder.emit({
        op: 'attention',
        kind: 'unnormalised',
        causal: false,
        heads: 1,
        keyDimension: 1,
        valueDimension: 1,
        scale: 1,
        alpha: 1,
        queries: operand('queries', 1, 3000, { entry: (random) => 2 * random.uniform() - 1 }),
        keys: operand('keys', 1, 1, { entry: constant(1) }),
        values: operand('values', 1, 1, { entry: constant(1) }),
        normaliser: operand('normaliser', 1, 3000),
        out: operand('out', 1, 3000),
      });
    },
  });
}

/** Scores that differ by little beside what they share, and are exact: only in single precision would that be lost. */
function offsetCase(causal: boolean): ConformanceCase {
  return trialCase({
    name: `attention${causal ? ', causal' : ''}, scores near −245000`,
    samples: 2,
    growth: { f64: 1e6, f32: 64 },
    write({ builder, operand }) {
      builder.emit({
        op: 'attention',
        kind: 'softmax',
        causal,
        heads: 2,
        keyDimension: 1,
        valueDimension: 2,
        scale: 1,
        alpha: 1,
        queries: operand('queries', 2, 37, { entry: whole(1, 3) }),
        keys: operand('keys', 2, 37, { entry: whole(-245_007, -245_000) }),
        values: operand('values', 4, 37),
        normaliser: operand('normaliser', 2, 37),
        out: operand('out', 4, 37),
      });
    },
  });
}

/** Heads that share keys and values, masks, and what is done to scores. */
const variants: readonly (Partial<AttentionShape> & { readonly groups?: number })[] = [
  { groups: 2 },
  { groups: 1, heads: 3 },
  ...attentionKinds.flatMap((kind) => [0, 3, 40].map((window) => ({ kind, window }))),
  { alibi: 1 },
  { alibi: 1, heads: 6 },
  { softCap: 0.5 },
  { softCap: 30, scale: 20 },
  { groups: 2, window: 7, alibi: 0.5, softCap: 2 },
];

function variantCase(
  { groups, ...variant }: Partial<AttentionShape> & { readonly groups?: number },
  n: number,
  causal: boolean,
): ConformanceCase {
  const shape = {
    kind: 'softmax',
    heads: 4,
    keyDimension: 3,
    valueDimension: 5,
    scale: 0.7,
    ...variant,
    causal,
  } as const;
  const parts = groups ?? shape.heads;
  const told = Object.entries({ ...variant, groups }).filter(([, value]) => value !== undefined);
  const name = told.map(([key, value]) => `${key} ${value}`).join(', ');
  return trialCase({
    name: `attention, ${name}, n=${n}${causal ? ', causal' : ''}`,
    samples: 2,
    growth: 1024,
    write({ builder, operand }) {
      const entry = scoreEntry(shape.kind, false);
      const common = {
        ...shape,
        alpha: -0.6,
        queries: operand('queries', shape.heads * shape.keyDimension, n, { entry }),
        keys: operand('keys', parts * shape.keyDimension, n, { entry }),
        values: operand('values', parts * shape.valueDimension, n),
        weights: operand('weights', 1, n, { entry: (random) => random.integer(3) }),
        normaliser: operand('normaliser', shape.heads, n),
      };
      const outRows = shape.heads * shape.valueDimension;
      builder.emit({ op: 'attention', ...common, out: operand('out', outRows, n) });
      builder.emit({
        op: 'attentionPullback',
        ...common,
        p: operand('p', outRows, n),
        gQueries: operand('gQueries', common.queries.rows, n),
        gKeys: operand('gKeys', common.keys.rows, n),
        gValues: operand('gValues', common.values.rows, n),
      });
    },
  });
}

const shapes = [
  { n: 1, m: 1, heads: 1, k: 1, v: 1 },
  { n: 1, m: 7, heads: 2, k: 3, v: 2 },
  { n: 7, m: 1, heads: 2, k: 3, v: 2 },
  { n: 33, m: 33, heads: 4, k: 8, v: 16 },
  { n: 17, m: 130, heads: 2, k: 4, v: 3 },
  { n: 130, m: 17, heads: 1, k: 5, v: 7 },
  { n: 300, m: 300, heads: 2, k: 2, v: 2 },
] as const;

const contents = [
  'random weights',
  'some keys of weight 0',
  'the first keys of weight 0',
  'all keys of weight 0',
  'a weightless key with an enormous score',
  'shared queries',
  'shared keys',
  'shared values',
  'everything shared',
  'heads summed',
  'shared values, heads summed',
  'scores ±1e4',
] as const;

type Content = 'plain' | (typeof contents)[number];

interface AttentionCase {
  readonly kind: AttentionKind;
  readonly causal: boolean;
  readonly n: number;
  readonly m: number;
  readonly heads: number;
  readonly k: number;
  readonly v: number;
  readonly content: Content;
}

function attentionCase({
  kind,
  causal,
  n,
  m,
  heads,
  k,
  v,
  content,
}: AttentionCase): ConformanceCase {
  const keyCount = causal ? n : m;
  const shares = (what: string) =>
    content === 'everything shared' || content.includes(`shared ${what}`);
  const summed = content.includes('heads summed');
  const extreme = content === 'scores ±1e4';
  const shapeName = `n=${n} m=${keyCount} H=${heads} k=${k} v=${v}`;
  return trialCase({
    name: `${kind} attention${causal ? ', causal' : ''}, ${shapeName}, ${content}`,
    samples: 2,
    growth: extreme ? 1e6 : 512,
    write({ builder, operand }) {
      const rowsOf = (what: string, rows: number) => (shares(what) ? rows : heads * rows);
      const score = scoreEntry(kind, extreme);
      const entry: Entry =
        content === 'a weightless key with an enormous score'
          ? (random, i, j, s) => (j === 0 ? enormous(kind) : score(random, i, j, s))
          : score;
      const queries = operand('queries', rowsOf('queries', k), n, { entry: score });
      const keys = operand('keys', rowsOf('keys', k), keyCount, { entry });
      const values = operand('values', rowsOf('values', v), keyCount);
      const weight = weightEntry(content);
      const weights = weight && operand('weights', 1, keyCount, { entry: weight });
      const outRows = summed ? v : heads * v;
      const normaliser = operand('normaliser', heads, n);
      const shape = { kind, causal, heads, keyDimension: k, valueDimension: v } as const;
      const common = {
        ...shape,
        scale: 0.7,
        alpha: -0.6,
        queries,
        keys,
        values,
        normaliser,
        ...(weights && { weights }),
      };
      builder.emit({ op: 'attention', ...common, out: operand('out', outRows, n) });
      builder.emit({
        op: 'attentionPullback',
        ...common,
        p: operand('p', outRows, n),
        gQueries: operand('gQueries', queries.rows, n),
        gKeys: operand('gKeys', keys.rows, keyCount, { kind: 'accumulator' }),
        gValues: operand('gValues', values.rows, keyCount),
      });
    },
  });
}

/** Queries, keys and values are one state; their gradients are added into one. */
function coincidingCase(kind: AttentionKind, causal: boolean): ConformanceCase {
  return trialCase({
    name: `${kind} attention${causal ? ', causal' : ''}, one state is queries, keys and values`,
    samples: 3,
    growth: 512,
    write({ builder, operand }) {
      const h = operand('h', 3, 21, { entry: scoreEntry(kind, false) });
      const g = operand('g', 3, 21);
      const normaliser = operand('normaliser', 2, 21);
      const common = {
        kind,
        causal,
        heads: 2,
        keyDimension: 3,
        valueDimension: 3,
        scale: 1,
        alpha: 0.5,
        queries: h,
        keys: h,
        values: h,
        normaliser,
      } as const;
      builder.emit({ op: 'attention', ...common, out: operand('out', 3, 21) });
      const p = operand('p', 3, 21);
      builder.emit({ op: 'attentionPullback', ...common, p, gQueries: g, gKeys: g, gValues: g });
    },
  });
}

/**
 * Queries and keys. For hardmax small whole numbers: their scores are exact in any precision, and often tie.
 * Unnormalised attention cannot bear extreme scores, so its are moderate.
 */
function scoreEntry(kind: AttentionKind, extreme: boolean): Entry {
  if (kind === 'hardmax') return extreme ? whole(-60, 60) : whole(-2, 2);
  if (kind === 'unnormalised') return normalTimes(0.5);
  return extreme ? normalTimes(85) : normal;
}

/** A key that would overflow every exponential if its weight did not hide it. */
function enormous(kind: AttentionKind): number {
  return kind === 'linear' ? 1e6 : 1e5;
}

function weightEntry(content: Content): Entry | undefined {
  switch (content) {
    case 'random weights':
      return uniform;
    case 'some keys of weight 0':
      return (random) => (random.uniform() < 0.4 ? 0 : random.uniform());
    case 'the first keys of weight 0':
      return (random, _, j) => (j < 5 ? 0 : random.uniform());
    case 'all keys of weight 0':
      return () => 0;
    case 'a weightless key with an enormous score':
      return (random, _, j) => (j === 0 ? 0 : random.uniform());
    default:
      return undefined;
  }
}
