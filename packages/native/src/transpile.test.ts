import { describe, expect, it } from 'vitest';
import { transpile } from '../scripts/transpile.mjs';

const one = (text: string) =>
  transpile(new Map([['kernel', text]]), new Set()).replace(/\s+/g, ' ');

describe('the kernels as C++', () => {
  it('keeps a function, its types and its arithmetic', () => {
    const written = one(`
      // @ts-ignore: decorator
      @inline
      export function twice<T>(at: usize, n: i32): v128 {
        let sum = splat<T>(0);
        for (let i = n; i > 0; i--) sum = v128.add<T>(sum, v128.load(at, 2 * VECTOR));
        return n > 1 && at != 0 ? sum : f64x2.splat(-0.5);
      }`);
    expect(written).toContain(
      'template <class T> static ALWAYS_INLINE inline v128 twice(usize at, i32 n)',
    );
    expect(written).toContain('for (auto i = n; i > 0; i--)');
    expect(written).toContain('sum = as::v128_add<T>(sum, as::v128_load(at, 2 * VECTOR));');
    expect(written).toContain('(n > 1 && at != 0 ? sum : as::v128_splat<f64>(-0.5))');
  });

  it('names constants, thread-local variables, tables and lists of names', () => {
    const written = one(`
      const LIMIT: i32 = 4;
      let place: usize = 0;
      const TABLE = memory.data<f64>([1.0, 2.0], 64);
      export const enum Kind { layer = 0, rms = 1 }`);
    expect(written).toContain('static constexpr i32 LIMIT = 4;');
    expect(written).toContain('static thread_local usize place = 0;');
    expect(written).toContain('alignas(64) static const f64 TABLE_data[] = { 1.0, 2.0 };');
    expect(written).toContain('namespace Kind { enum : i32 { layer = 0, rms = 1 }; }');
  });

  it('writes what is imported first, and knows functions before they are written', () => {
    const files = new Map([
      ['upper', "import { low } from './lower';\nfunction high(x: i32): i32 { return low(x); }"],
      [
        'lower',
        'export function low(x: i32): i32 { return other(x); }\nfunction other(x: i32): i32 { return x; }',
      ],
    ]);
    const written = transpile(files, new Set());
    expect(written.indexOf('m_lower')).toBeLessThan(written.indexOf('m_upper'));
    expect(written).toContain('using m_lower::low;');
    expect(written.indexOf('other(i32 x);')).toBeLessThan(written.indexOf('return other(x)'));
  });

  it.each([
    ['function f(x: i32): i32 { return x ** 2; }', 'kernel.ts:1: the operator **'],
    ['function f(x: string): void {}', 'the type string'],
    ['\nfunction f(x: i32): void { do { x--; } while (x > 0); }', 'kernel.ts:2: DoStatement'],
    ['function f(): void { console.log(1); }', 'calling console.log'],
    ['function f(): void { const a = [1]; }', 'ArrayLiteralExpression'],
    ['class A {}', 'ClassDeclaration'],
    ['let x = 3;', 'a variable without a type'],
    ["import { a } from './nowhere';", 'there is no nowhere'],
  ])('refuses what it does not know: %s', (text, reason) => {
    expect(() => one(text)).toThrow(reason);
  });

  it('refuses imports in a circle', () => {
    const files = new Map([
      ['a', "import { b } from './b';"],
      ['b', "import { a } from './a';"],
    ]);
    expect(() => transpile(files, new Set())).toThrow('circle');
  });
});
