import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWasmBackend } from 'mesoscope/kernels';
import { expect, it } from 'vitest';
import {
  doubles,
  npyBytes,
  npyOf,
  safetensorsBytes,
  singles,
  zipOf,
} from '../../../mesoscope/src/formats/test-support.ts';
import { catalogueOf } from '../host/catalogue.ts';
import { run } from '../program.ts';
import { toyEnvironment } from '../toy.fixture.ts';

const directory = mkdtempSync(join(tmpdir(), 'cases-'));
const backend = createWasmBackend({ threads: 1 });
const catalogue = catalogueOf({ claims: [], studies: [] });

/** Runs a claim on a file of the given content. */
async function verify(claim: string, name: string, content: Uint8Array | string) {
  writeFileSync(join(directory, name), content);
  // One backend for all: a run disposes of its own.
  const shared = { ...(await backend), dispose: () => {} };
  const { environment, stdout, stderr } = toyEnvironment(directory, catalogue, shared);
  const code = await run(['verify', claim, '--config', name, '--json'], environment);
  const document = JSON.parse(stdout.text());
  return { code, stderr: stderr.text(), error: document.error, claim: document.claims?.[0] };
}

const h0 = [
  [0.428, -0.571],
  [2.654, -1.609],
  [0.662, -0.143],
];
const head = {
  Q: [
    [-0.355, 1.066],
    [-1.818, -0.985],
  ],
  K: [
    [-0.114, 1.741],
    [0.089, 0.896],
  ],
  V: [
    [-1.863, -1.239],
    [0.97, -0.628],
  ],
};
const depths = [8, 16, 32, 64];
const layer = { h0, heads: [head], depths };
const members = {
  h0: npyOf(h0),
  'heads.0.Q': npyOf(head.Q),
  'heads.0.K': npyOf(head.K),
  'heads.0.V': npyOf(head.V),
  depths: npyOf(depths),
};
const fromJson = verify('A.euler-order', 'layer.json', JSON.stringify(layer));
const stacked = { ...layer, heads: { Q: [head.Q], K: [head.K], V: [head.V] } };

/** NumPy's order of a matrix by columns, in single precision big-endian where that is exact. */
const byColumns = (rows: readonly (readonly number[])[]) =>
  npyBytes({
    order: 'True',
    shape: `(${rows.length}, ${rows[0].length})`,
    data: doubles(...rows[0].flatMap((_, j) => rows.map((row) => row[j]))),
  });

const shape = '(3L, 2L)';
const longShape = npyBytes({ shape, data: doubles(...h0.flat()) });

it.each([
  ['names without .npy', 'names.npz', zipOf(members)],
  ['deflated', 'deflated.npz', zipOf(members, 9)],
  ['shapes of Python 2', 'long.npz', zipOf({ ...members, h0: longShape })],
  ['Fortran order', 'fortran.npz', zipOf({ ...members, h0: byColumns(h0) })],
  ['members of macOS', 'mac.npz', zipOf({ ...members, '__MACOSX/._h0.npy': singles(1) })],
  ['stacked heads', 'stacked.json', JSON.stringify(stacked)],
  ['stacked heads as arrays', 'stacked.npz', zipOf(stackedMembers())],
])('measures the same with %s', async (_, name, content) => {
  const { code, claim } = await verify('A.euler-order', name, content);
  const reference = (await fromJson).claim;
  expect(code).toBe(0);
  expect(claim.measured).toBe(reference.measured);
  expect(claim.instance).toEqual(reference.instance);
  expect(claim.instanceHash).toBe(reference.instanceHash);
});

function stackedMembers() {
  const { h0: tokens, depths: layers } = members;
  const of = (rows: readonly (readonly number[])[]) =>
    npyBytes({ shape: '(1, 2, 2)', data: doubles(...rows.flat()) });
  return {
    h0: tokens,
    depths: layers,
    'heads.Q': of(head.Q),
    'heads.K': of(head.K),
    'heads.V': of(head.V),
  };
}

it('reads a boolean array as a truth value', async () => {
  const causal = npyBytes({ descr: "'|b1'", shape: '()', data: Uint8Array.of(1) });
  const archive = await verify('A.euler-order', 'causal.npz', zipOf({ ...members, causal }));
  const text = JSON.stringify({ ...layer, causal: true });
  const json = await verify('A.euler-order', 'layer-causal.json', text);
  expect(archive.code).toBe(0);
  expect(archive.claim.measured).toBe(json.claim.measured);
  expect(archive.claim.measured).not.toBe((await fromJson).claim.measured);
});

it('refuses a tensor before the data, naming it', async () => {
  const matrices = [head.Q, head.K, head.V].flat(2);
  const data = doubles(...h0.flat(), ...matrices);
  const place = (from: number, to: number, ...sizes: readonly number[]) => ({
    dtype: 'F64',
    shape: sizes,
    data_offsets: [from, to],
  });
  const header = {
    h0: place(0, 48, 3, 2),
    'heads.0.Q': place(48, 80, 2, 2),
    'heads.0.K': place(80, 112, 2, 2),
    'heads.0.V': place(112, 144, 2, 2),
  };
  const sound = await verify('A.euler-order', 'a.safetensors', safetensorsBytes(header, data));
  expect(sound.code).toBe(0);
  const bad = { ...header, 'heads.0.Q': place(-32, 0, 2, 2) };
  const refused = await verify('A.euler-order', 'b.safetensors', safetensorsBytes(bad, data));
  expect(refused.code).toBe(2);
  expect(refused.error.message).toContain('"heads.0.Q"');
});

it('refuses a header that is no object', async () => {
  const bytes = safetensorsBytes(null, doubles());
  const { code, error } = await verify('A.euler-order', 'null.safetensors', bytes);
  expect(code).toBe(2);
  expect(error.code).toBe('file');
});

it('takes weights of single precision for a probability, and says so', async () => {
  const weights = [0.564352691, 0.125924081, 0.309723288].map(Math.fround);
  expect(weights.reduce((a, b) => a + b)).not.toBe(1);
  const archive = zipOf({
    'contexts.0.points': npyOf([
      [1, 0],
      [0, 1],
      [1, 1],
    ]),
    'contexts.0.weights': npyBytes({ descr: "'<f4'", shape: '(3,)', data: singles(...weights) }),
    'contexts.1.points': npyOf([
      [0, 1],
      [2, 1],
    ]),
    tokens: npyOf([
      [1, 0],
      [1, 0],
    ]),
  });
  const { code, claim, stderr } = await verify('D.ntk', 'weights.npz', archive);
  expect(code).toBe(0);
  expect(claim.verdict).toBe('holds');
  expect(claim.notes[0]).toContain('contexts.0.weights (float32 of shape 3): the sum 1');
  expect(stderr).toContain('divided out');
});

it.each([
  ['[]', 'received []'],
  ['1', 'received 1'],
  ['{"__proto__": {"h0": [[1]]}}', 'reserved by JavaScript'],
  ['{"A.costate-order": {"horizon": 2}}', 'expected instances of claims that run (A.euler-order)'],
])('never runs another instance in place of %s', async (text, sentence) => {
  const { code, error } = await verify('A.euler-order', 'nothing.json', text);
  expect(code).toBe(2);
  expect(error.message).toContain(sentence);
});

it('refuses an empty archive', async () => {
  const { code, error } = await verify('A.euler-order', 'empty.npz', zipOf({}));
  expect(code).toBe(2);
  expect(error.message).toContain('names at least one field');
});

it('says what a .npy holds and what is needed', async () => {
  const { code, error } = await verify('A.euler-order', 'x.npy', npyOf(h0));
  expect(code).toBe(2);
  expect(error.message).toContain('holds one array (float64 of shape 3 × 2)');
  expect(error.message).toContain('numpy.savez("x.npz", h0=array)');
});

it('says what explicit data need besides, and what prints a template', async () => {
  const { code, error } = await verify('A.euler-order', 'alone.json', JSON.stringify({ h0 }));
  expect(code).toBe(2);
  expect(error.message).toContain('explicit data (h0) need it too');
  expect(error.message).toContain('mesoscope template A.euler-order > instance.json');
});

it('names a transposed field, before anything runs', async () => {
  const turned = h0[0].map((_, j) => h0.map((row) => row[j]));
  const text = JSON.stringify({ ...layer, h0: turned });
  const { code, error } = await verify('A.euler-order', 'turned.json', text);
  expect(code).toBe(2);
  expect(error.message).toMatch(/^h0: received shape \[2 × 3\].*transposed\?/);
});

const identity = (d: number, scale = 1) =>
  Array.from({ length: d }, (_, i) => Array.from({ length: d }, (_, j) => (i === j ? scale : 0)));

/** A Gaussian layer with V = I and B = −I on the standard normal law. */
const gaussianLayer = (W: readonly (readonly number[])[]) =>
  JSON.stringify({
    law: { mean: Array(W.length).fill(0), covariance: identity(W.length) },
    heads: [{ V: identity(W.length), B: identity(W.length, -1) }],
    W,
  });

it.each([
  [
    'a stiff layer',
    'stiff.json',
    [
      [10_000, 0],
      [0, 0.1],
    ],
    ['holds', 'outside'],
  ],
  [
    'a Jordan block, whose eigenvalues are known to ε^(1/5) only',
    'jordan.json',
    [
      [1, 1, 0],
      [0, 1, 2],
      [0, 0, 1],
    ],
    ['holds', 'outside', 'undecided'],
  ],
])('C.stability does not fail on %s', async (_, name, W, verdicts) => {
  const { code, claim } = await verify('C.stability', name, gaussianLayer(W));
  expect(code).toBe(0);
  expect(verdicts).toContain(claim.verdict);
});

it.each([64, 48])('names layers whose %i tokens coincide, and measures the others', async (n) => {
  const [layers, spread, d] = [7, 5, 8];
  const entry = (l: number, i: number, j: number) =>
    l < spread ? Math.sin(1 + 12.9898 * (i + 1) + 78.233 * (j + 1) + 37.719 * l) : 0.3 + j;
  const data = singles(
    ...Array.from({ length: layers * n * d }, (_, k) =>
      entry(Math.floor(k / (n * d)), Math.floor(k / d) % n, k % d),
    ),
  );
  const clouds = npyBytes({ descr: "'<f4'", shape: `(${layers}, ${n}, ${d})`, data });
  const { code, claim } = await verify('C.practice', `clouds-${n}.npz`, zipOf({ clouds }));
  expect(code).toBe(0);
  const measured = claim.evidence['slicedDistance.value'];
  expect(measured).toHaveLength(spread);
  expect(measured.every(Number.isFinite)).toBe(true);
  expect(claim.evidence['mardia.skewness.pValue']).toHaveLength(spread);
  expect(claim.evidence['clouds.onePoint']).toEqual([6, 7]);
  expect(claim.summary).toContain(
    'of clouds 6, 7, counted from the input, all tokens are one point',
  );
});
