import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Claim, type Conclusion, claimById } from 'mesoscope/claims';
import { randomStream } from 'mesoscope/numeric';
import {
  doubles,
  npyBytes,
  npyOf,
  safetensorsBytes,
  singles,
  zipOf,
} from '../../../mesoscope/src/formats/test-support.ts';
import { run } from '../program.ts';
import { toyCatalogue, toyEnvironment } from '../toy.fixture.ts';

/** A whole number below a bound. */
type Choose = (bound: number) => number;

/** A file that a person might hand over, and the claim whose instance it is. */
interface Sample {
  readonly claim: string;
  readonly name: string;
  readonly bytes: Uint8Array;
}

const square = [
  [0.4, -0.5],
  [1.1, 0.3],
];
const layer = {
  h0: [...square, [0.6, -0.1]],
  heads: [{ Q: square, K: square, V: square }],
  depths: [8, 16, 32, 64],
  causal: true,
};
const contexts = {
  contexts: [
    { points: [...square, [0, 1]], weights: [0.5, 0.25, 0.25] },
    {
      mean: [0, 1],
      covariance: [
        [1, 0.5],
        [0.5, 1],
      ],
    },
  ],
  tokens: square,
  depths: [1, 2, 4],
};
const flow = {
  law: {
    mean: [0, 1],
    covariance: [
      [1, 0.5],
      [0.5, 2],
    ],
  },
  W: square,
  horizon: 3,
};
const documents = [
  ['A.euler-order', layer],
  ['D.ntk', contexts],
  ['C.stability', flow],
] as const;

const members: Readonly<Record<string, Uint8Array>> = {
  'h0.npy': npyOf(layer.h0),
  'heads.0.Q.npy': npyOf(square),
  'heads.0.K.npy': npyBytes({ descr: "'<f4'", shape: '(2, 2)', data: singles(...square.flat()) }),
  'heads.0.V.npy': npyBytes({ order: 'True', shape: '(2, 2)', data: doubles(...square.flat()) }),
  'causal.npy': npyBytes({ descr: "'|b1'", shape: '()', data: Uint8Array.of(1) }),
  'depths.npy': npyOf(layer.depths),
};
const tensors = {
  h0: { dtype: 'F64', shape: [3, 2], data_offsets: [0, 48] },
  'heads.0.Q': { dtype: 'F64', shape: [2, 2], data_offsets: [48, 80] },
  'heads.0.K': { dtype: 'F64', shape: [2, 2], data_offsets: [80, 112] },
  'heads.0.V': { dtype: 'F64', shape: [2, 2], data_offsets: [112, 144] },
};
const tensorData = doubles(...layer.h0.flat(), ...[square, square, square].flat(2));

/** The file of a case, broken in one to three places; what kind of case it is goes by turns. */
function brokenSample(index: number, choose: Choose): Sample {
  const claim = 'A.euler-order';
  const times = 1 + choose(3);
  const repeat = <T>(value: T, change: (value: T) => T) =>
    Array.from({ length: times }).reduce<T>(change, value);
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  switch (index % 8) {
    case 0: {
      const [id, document] = documents[choose(documents.length)];
      const broken = repeat<unknown>(document, (value) => brokenTree(value, choose));
      return { claim: id, name: 'a.json', bytes: json(broken) };
    }
    case 1: {
      const [id, document] = documents[choose(documents.length)];
      return {
        claim: id,
        name: 'a.json',
        bytes: repeat<Uint8Array>(json(document), (b) => brokenBytes(b, choose)),
      };
    }
    case 2: {
      const broken = repeat<unknown>(tensors, (value) => brokenTree(value, choose));
      return { claim, name: 'a.safetensors', bytes: safetensorsBytes(broken, tensorData) };
    }
    case 3: {
      const whole = safetensorsBytes(tensors, tensorData);
      return { claim, name: 'a.safetensors', bytes: repeat(whole, (b) => brokenBytes(b, choose)) };
    }
    case 4:
      return { claim, name: 'a.npz', bytes: repeat(zipOf(members), (b) => brokenBytes(b, choose)) };
    case 5: {
      const whole = zipOf(members, 9);
      return { claim, name: 'a.npz', bytes: repeat(whole, (b) => brokenBytes(b, choose)) };
    }
    case 6: {
      const broken = repeat(members, (files) => brokenMembers(files, choose));
      return { claim, name: 'a.npz', bytes: zipOf(broken, choose(2) === 0 ? 0 : 9) };
    }
    default:
      return { claim, name: 'a.npy', bytes: brokenBytes(npyOf(square), choose) };
  }
}

const nasties: readonly unknown[] = [
  ...[null, true, '', 'x', [], {}, [[]], [null], 0, -1, 1.5, 1e9, 1e308, -1e308, 2 ** 53],
  ...['__proto__', 'a'.repeat(20_000), '\u0000', '9'.repeat(400), [[[[[[1]]]]]]],
  JSON.parse('{"__proto__": {"h0": [[1]]}}'),
  JSON.parse(`${'['.repeat(200)}${']'.repeat(200)}`),
  Array(5000).fill(0),
  Array(5000).fill(null),
];
const names = [
  '__proto__',
  'constructor',
  'prototype',
  '',
  'toString',
  'h0',
  'x.y',
  'a'.repeat(3000),
];

/** One value replaced, one key renamed or dropped, somewhere in a tree. */
function brokenTree(value: unknown, choose: Choose): unknown {
  const inside = typeof value === 'object' && value !== null && Object.keys(value).length > 0;
  if (!inside || choose(5) === 0) return nasties[choose(nasties.length)];
  const entries = Object.entries(value);
  const at = choose(entries.length);
  const [key, entry] = entries[at];
  const kind = choose(6);
  if (kind === 0) entries.splice(at, 1);
  else if (kind === 1) entries[at] = [names[choose(names.length)], entry];
  else entries[at] = [key, brokenTree(entry, choose)];
  return Array.isArray(value) ? entries.map(([, one]) => one) : Object.fromEntries(entries);
}

const headers = {
  descr: ["'<f3'", "'<i7'", "'|O'", "'<c16'", "'<U9999'", "'>f8'", "'<f4'", "[('a', '<f8')]", "''"],
  shape: [
    '(1000000000, 0)',
    '(3L, 2L)',
    '(0,)',
    '()',
    '(-1,)',
    `(${'1,'.repeat(3000)})`,
    '(2, 3)',
    '(9999999999999999999,)',
    'x',
  ],
};

/** One member replaced by another header, renamed, or dropped. */
function brokenMembers(
  files: Readonly<Record<string, Uint8Array>>,
  choose: Choose,
): Readonly<Record<string, Uint8Array>> {
  const entries = Object.entries(files);
  const at = choose(entries.length);
  const [name, bytes] = entries[at] ?? ['h0.npy', npyOf(square)];
  const kind = choose(5);
  const descr = headers.descr[choose(headers.descr.length)];
  const shape = headers.shape[choose(headers.shape.length)];
  if (kind === 0) entries.splice(at, 1);
  else if (kind === 1) entries[at] = [names[choose(names.length)] || 'y', bytes];
  else if (kind === 2) entries[at] = [name, brokenBytes(bytes, choose)];
  else if (kind === 3)
    entries[at] = [name, npyBytes({ descr, shape: '(2, 2)', data: bytes.slice(-32) })];
  else entries[at] = [name, npyBytes({ shape, data: new Uint8Array(choose(3) * 1000) })];
  return Object.fromEntries(entries);
}

/** Bytes changed, cut out, put in or doubled, or a number in them written anew. */
function brokenBytes(bytes: Uint8Array, choose: Choose): Uint8Array {
  const at = choose(bytes.length || 1);
  const length = 1 + choose(16);
  const before = bytes.subarray(0, at);
  const after = bytes.subarray(at);
  const joined = (...parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap((p) => [...p]));
  switch (choose(7)) {
    case 0:
      return joined(before, Uint8Array.of(choose(256)), after.subarray(1));
    case 1:
      return before.slice();
    case 2:
      return joined(before, after.subarray(length));
    case 3:
      return joined(
        before,
        Uint8Array.from({ length }, () => choose(256)),
        after,
      );
    case 4:
      return joined(before, after.subarray(0, length), after);
    case 5:
      return joined(
        before,
        Uint8Array.from({ length: 4 }, () => 255),
        after.subarray(4),
      );
    default: {
      // The next digit, if there is one.
      const digit = after.findIndex((byte) => byte >= 48 && byte <= 57);
      if (digit < 0) return joined(after, before);
      const place = at + digit;
      return joined(
        bytes.subarray(0, place),
        Uint8Array.of(48 + choose(10)),
        bytes.subarray(place + 1),
      );
    }
  }
}

const nothing: Conclusion = {
  hypotheses: [],
  resolution: [],
  checks: [],
  evidence: {},
  figures: [],
  summary: 'Not measured.',
};

/** How a series of cases went. */
export interface FuzzReport {
  readonly cases: number;
  readonly accepted: number;
  readonly refused: Readonly<Record<string, number>>;
  /** Processor seconds of the slowest case. */
  readonly slowest: number;
  /** MiB by which the largest case raised the memory of the process. */
  readonly largest: number;
  /** One sentence for each case that went as none may. */
  readonly faults: readonly string[];
}

/**
 * Hands broken files to `verify --config`, its claims' schemas as they are and their experiments left out. No case may
 * end in a stack trace or with an exit code other than 0 and 2, run the claim's own experiment in place of the file,
 * repeat more than a screen of what it received, or take a second or 100 MiB.
 */
export async function fuzzInputs(seed: number, cases: number): Promise<FuzzReport> {
  const directory = mkdtempSync(join(tmpdir(), 'fuzz-'));
  const refused: Record<string, number> = {};
  const faults: string[] = [];
  let accepted = 0;
  let slowest = 0;
  let largest = 0;
  for (let index = 0; index < cases; index++) {
    const stream = randomStream(seed, 'broken files', index);
    const { claim: id, name, bytes } = brokenSample(index, (n) => Math.floor(n * stream.uniform()));
    writeFileSync(join(directory, name), bytes);
    let ranOwn = false;
    const real = claimById(id);
    const claim: Claim = {
      ...real,
      given: { ...real.given, pieces: () => 1 },
      measure({ given }) {
        ranOwn = (given as { readonly explicit?: boolean }).explicit === false;
        return null;
      },
      conclude: () => nothing,
    };
    const { environment, stdout, stderr } = toyEnvironment(directory, toyCatalogue([claim]));
    const memory = process.resourceUsage().maxRSS;
    const begin = process.cpuUsage();
    const code = await run(['verify', id, '--config', name, '--json'], environment);
    const { user, system } = process.cpuUsage(begin);
    const seconds = (user + system) / 1e6;
    const mebibytes = (process.resourceUsage().maxRSS - memory) / 1024;
    slowest = Math.max(slowest, seconds);
    largest = Math.max(largest, mebibytes);
    const document = JSON.parse(stdout.text());
    const fault = (what: string) =>
      faults.push(`seed ${seed}, case ${index} (${name}): ${what}: ${stderr.text().slice(0, 300)}`);
    if (code === 0) accepted++;
    else refused[document.error?.code] = (refused[document.error?.code] ?? 0) + 1;
    if (code !== 0 && code !== 2) fault(`exit ${code}`);
    if (/\n\s+at /.test(stderr.text())) fault('a stack trace');
    if (ranOwn) fault('ran the own experiment');
    if (code === 0 && document.claims[0].instanceHash === null) fault('does not say what ran');
    if (stderr.text().length > 8000) fault(`${stderr.text().length} characters`);
    if (seconds > 1) fault(`${seconds} s`);
    if (mebibytes > 100) fault(`${mebibytes} MiB`);
  }
  rmSync(directory, { recursive: true });
  return { cases, accepted, refused, slowest, largest, faults };
}
