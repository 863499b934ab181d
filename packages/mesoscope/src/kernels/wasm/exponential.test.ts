import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { enableRelaxedSimd } from './platform.ts';

type Precision = 'f64' | 'f32';
type FunctionName = 'exponential' | 'exponentialMinusOne' | 'logarithm' | 'boundedPower';

const names: readonly FunctionName[] = [
  'exponential',
  'exponentialMinusOne',
  'logarithm',
  'boundedPower',
];

/** `name(x)` for all x, through a module that holds only these functions. */
type Evaluate = (name: FunctionName, precision: Precision, x: readonly number[]) => number[];

describe.each(['relaxed', 'strict'] as const)('vector functions, %s', (build) => {
  let evaluate: Evaluate;
  beforeAll(async () => {
    evaluate = await compileVectorFunctions(build);
  }, 60_000);

  // Math.exp and Math.log are themselves within 1 ulp of the exact value.
  test('exponential: 4 ulp in f64, 2 in f32', () => {
    const x64 = grid(-708.39, 709.78, 200_001);
    expect(worstUlp(evaluate('exponential', 'f64', x64), x64.map(Math.exp), 52)).toBeLessThan(3);
    const x32 = grid(-87.33, 88.72, 200_001).map(Math.fround);
    expect(worstUlp(evaluate('exponential', 'f32', x32), x32.map(Math.exp), 23)).toBeLessThan(2);
  });

  test('exponential: 0 below, infinite above, NaN stays', () => {
    const x = [0, -0, -Infinity, -1e300, -709, 709.79, 1e300, Infinity, Number.NaN];
    const expected = [1, 1, 0, 0, 0, Infinity, Infinity, Infinity, Number.NaN];
    expect(evaluate('exponential', 'f64', x)).toEqual(expected);
    const x32 = [0, -0, -Infinity, -1e30, -88, 88.73, 1e30, Infinity, Number.NaN];
    expect(evaluate('exponential', 'f32', x32)).toEqual(expected);
  });

  test('exponential minus one keeps its digits near 0', () => {
    const x64 = grid(-40, 4, 100_001).map((t) => -Math.exp(t));
    const ours = evaluate('exponentialMinusOne', 'f64', x64);
    expect(worstUlp(ours, x64.map(Math.expm1), 52)).toBeLessThan(3);
    const x32 = grid(-20, 4, 100_001).map((t) => Math.fround(-Math.exp(t)));
    const ours32 = evaluate('exponentialMinusOne', 'f32', x32);
    expect(worstUlp(ours32, x32.map(Math.expm1), 23)).toBeLessThan(2);
    expect(evaluate('exponentialMinusOne', 'f64', [-Infinity, 0, Number.NaN])).toEqual([
      -1,
      0,
      Number.NaN,
    ]);
  });

  test('logarithm: 2 ulp, subnormal numbers too', () => {
    const x64 = [
      ...grid(-744, 709, 100_001).map(Math.exp),
      ...grid(0.5, 2, 100_001),
      5e-324,
      Number.MAX_VALUE,
    ];
    expect(worstUlp(evaluate('logarithm', 'f64', x64), x64.map(Math.log), 52)).toBeLessThan(2);
    const x32 = [...grid(-103, 88, 100_001).map(Math.exp), ...grid(0.5, 2, 100_001)].map(
      Math.fround,
    );
    expect(worstUlp(evaluate('logarithm', 'f32', x32), x32.map(Math.log), 23)).toBeLessThan(2);
    const special = [0, -0, Infinity, -1, Number.NaN];
    const expected = [-Infinity, -Infinity, Infinity, Number.NaN, Number.NaN];
    expect(evaluate('logarithm', 'f64', special)).toEqual(expected);
    expect(evaluate('logarithm', 'f32', special)).toEqual(expected);
  });

  test('power of two: 4 ulp in f64, 2 in f32', () => {
    const x64 = grid(-1021, 1023, 20_011);
    const exact = x64.map(exactPowerOfTwo);
    expect(worstUlp(evaluate('boundedPower', 'f64', x64), exact, 52)).toBeLessThan(4);
    const x32 = grid(-125, 127, 200_001).map(Math.fround);
    const exact32 = x32.map((x) => 2 ** x);
    expect(worstUlp(evaluate('boundedPower', 'f32', x32), exact32, 23)).toBeLessThan(2);
    expect(evaluate('boundedPower', 'f64', [0, -Infinity, -1023, 1024, Number.NaN])).toEqual([
      1,
      0,
      0,
      Infinity,
      Number.NaN,
    ]);
  });
});

/** `count` equally spaced numbers. */
function grid(from: number, to: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1));
}

/** 2ˣ correctly rounded, but for one in 2⁵⁰: the series of e^{f log 2} in whole numbers of 2⁻¹²⁰, |f| ≤ ½. */
function exactPowerOfTwo(x: number): number {
  const nearest = Math.round(x);
  const f = BigInt((x - nearest) * 2 ** 60) << 60n;
  const exponent = (f * 921350637599661305226344307672478454n) >> 120n;
  let term = 1n << 120n;
  let total = term;
  for (let k = 1n; k <= 30n; k++) {
    term = ((term * exponent) >> 120n) / k;
    total += term;
  }
  return Number(total >> 20n) * 2 ** -100 * 2 ** nearest;
}

/** The largest error in units in the last place of the expected values. */
function worstUlp(ours: readonly number[], expected: readonly number[], bits: number): number {
  const smallest = bits === 52 ? -1022 : -126;
  return expected.reduce((worst, value, i) => {
    const exponent = Math.max(Math.floor(Math.log2(Math.abs(value))), smallest);
    const error = Math.abs(ours[i] - value) / 2 ** (exponent - bits);
    return Math.max(worst, error);
  }, 0);
}

async function compileVectorFunctions(build: 'relaxed' | 'strict'): Promise<Evaluate> {
  const { default: asc } = await import('assemblyscript/asc');
  const folder = new URL('assembly/', import.meta.url);
  let bytes = new Uint8Array();
  const { error, stderr } = await asc.main(
    [
      ...['entry.ts', '--outFile', 'functions.wasm', '--importMemory', '--runtime', 'stub', '-O3'],
      ...['--enable', build === 'relaxed' ? 'simd,relaxed-simd' : 'simd'],
    ],
    {
      readFile: (name) =>
        name === 'entry.ts'
          ? entrySource()
          : readFile(new URL(name, folder), 'utf8').catch(() => null),
      writeFile: (_, contents) => {
        bytes = contents as unknown as Uint8Array<ArrayBuffer>;
      },
    },
  );
  if (error) throw new Error(stderr.toString());
  if (build === 'relaxed') enableRelaxedSimd();
  const memory = new WebAssembly.Memory({ initial: 128 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  const functions = exports as Record<string, (from: number, to: number, bytes: number) => void>;
  return (name, precision, x) => {
    const array = precision === 'f64' ? Float64Array : Float32Array;
    // The first page holds the functions' tables.
    const from = 65536;
    const to = memory.buffer.byteLength / 2;
    new array(memory.buffer, from, x.length).set(x);
    functions[`${name}_${precision}`](from, to, x.length * array.BYTES_PER_ELEMENT);
    return [...new array(memory.buffer, to, x.length)];
  };
}

/** A module whose exports apply each function to `bytes` bytes. */
function entrySource(): string {
  const exports = names.flatMap((name) =>
    ['f64', 'f32'].map(
      (type) => `export function ${name}_${type}(from: usize, to: usize, bytes: usize): void {
        for (let i: usize = 0; i < bytes; i += 16) {
          v128.store(to + i, ${name}<${type}>(v128.load(from + i)));
        }
      }`,
    ),
  );
  return [
    `import { exponential, exponentialMinusOne, logarithm } from './exponential';`,
    `import { powerOfTwo, withinExponents } from './powers';`,
    `@inline function boundedPower<T>(t: v128): v128 { return powerOfTwo<T>(withinExponents<T>(t)); }`,
    ...exports,
  ].join('\n');
}
