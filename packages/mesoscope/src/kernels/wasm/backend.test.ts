import { afterAll, describe, expect, test } from 'vitest';
import { attention } from '../../field/attention.ts';
import type { Backend, FloatArray } from '../backend.ts';
import { conformanceCases } from '../conformance.ts';
import { literal, type Program, ProgramBuilder } from '../program.ts';
import { pullBack } from '../pullback.ts';
import { createReferenceBackend } from '../reference/backend.ts';
import { createWasmBackend } from './backend.ts';

const builds = (['relaxed', 'strict'] as const).flatMap((build) =>
  (['f64', 'f32'] as const).map((precision) => ({ build, precision })),
);

// On one thread: conformance.slow.test.ts.
describe.each(builds)('$build, $precision, two threads: conformance', async (variant) => {
  const backend = await createWasmBackend({ ...variant, threads: 2, heapMegabytes: 64 });
  afterAll(() => backend.dispose());
  test.each(conformanceCases().map((each) => [each.name, each] as const))('%s', (_, { run }) => {
    const { deviation, tolerance } = run(backend);
    expect(deviation).toBeLessThanOrEqual(tolerance);
  });
});

const dimension = 5;
const tokens = 11;

/** h ← h + ½ f(h) and, with the old h, g ← g + ∂⟨p, f⟩/∂θ, p ← Dfᵀp + p; the largest |h| goes to `size`. */
function layerProgram(): Program {
  const field = attention({ dimension, heads: 3, keyDimension: 2 });
  const b = new ProgramBuilder();
  const h = b.state('sample', 'h', dimension, tokens);
  const p = b.state('sample', 'p', dimension, tokens);
  const size = b.parameters('sample', 'size', 1, 1);
  const theta = b.parameters('shared', 'theta', 1, field.parameters.length);
  const gradient = b.parameters('accumulator', 'gradient', 1, field.parameters.length);
  const value = field.trace(b, { state: h, parameters: theta });
  const gradients = [
    { of: h, into: p, add: true },
    { of: theta, into: gradient, add: true },
  ];
  pullBack(b, { value, costate: b.scale(p), gradients });
  b.add(value, h, literal(0.5));
  b.maxAbs(h, size);
  return b.program();
}

/** Buffers for {@link layerProgram} with the same content on every backend. */
function fill(
  backend: Backend,
  program: Program,
  samples: number,
): Readonly<Record<string, FloatArray>> {
  return Object.fromEntries(
    program.slots.slice(1).map(({ name, kind, length }, index) => {
      const buffer = backend.allocate(kind === 'sample' ? samples * length : length);
      buffer.forEach((_, i) => {
        buffer[i] = Math.sin(1 + index + 1.7 * i);
      });
      return [name, buffer];
    }),
  );
}

function runLayers(backend: Backend, samples: number): Readonly<Record<string, readonly number[]>> {
  const program = layerProgram();
  return backend.scoped(() => {
    const buffers = fill(backend, program, samples);
    const step = backend.compile(program);
    for (let layer = 0; layer < 3; layer++) step({ samples, buffers });
    return Object.fromEntries(Object.entries(buffers).map(([name, buffer]) => [name, [...buffer]]));
  });
}

describe.each(builds)('$build, $precision: jobs', async (variant) => {
  const alone = await createWasmBackend({ ...variant, heapMegabytes: 32 });
  const pair = await createWasmBackend({ ...variant, heapMegabytes: 32, threads: 2 });
  const four = await createWasmBackend({ ...variant, heapMegabytes: 32, threads: 4 });
  const reference = createReferenceBackend();
  afterAll(() => {
    for (const backend of [alone, pair, four]) backend.dispose();
  });

  // Fewer samples than units, as many, and numbers that do not divide.
  test.each([0, 1, 2, 16, 37, 150])(
    '%i samples: the same bits on 1, 2 and 4 threads',
    (samples) => {
      const expected = runLayers(alone, samples);
      expect(runLayers(pair, samples)).toEqual(expected);
      expect(runLayers(four, samples)).toEqual(expected);
    },
  );

  test('accumulators add to what stood there, over all samples', () => {
    const samples = 37;
    const expected = runLayers(reference, samples);
    const received = runLayers(pair, samples);
    const error = variant.precision === 'f64' ? 1e-12 : 2e-4;
    const largest = Math.max(...expected.gradient.map(Math.abs));
    expected.gradient.forEach((entry, i) => {
      expect(Math.abs(received.gradient[i] - entry)).toBeLessThan(error * largest);
    });
  });

  test('no sample: nothing changes', () => {
    const program = layerProgram();
    const buffers = fill(pair, program, 1);
    const before = Object.entries(buffers).map(([name, buffer]) => [name, [...buffer]]);
    pair.compile(program)({ samples: 0, buffers });
    expect(Object.entries(buffers).map(([name, buffer]) => [name, [...buffer]])).toEqual(before);
  });

  test('programs take turns', () => {
    alone.scoped(() => {
      const y = alone.allocate(8);
      const write = (value: number) => {
        const b = new ProgramBuilder();
        b.emit({ op: 'fill', y: b.state('sample', 'y', 1, 8), value });
        return alone.compile(b.program());
      };
      const [one, two] = [write(1), write(2)];
      const run = { samples: 1, buffers: { y } };
      one(run);
      expect(y[7]).toBe(1);
      two(run);
      expect(y[7]).toBe(2);
      one(run);
      expect(y[7]).toBe(1);
    });
  });
});

describe('memory', async () => {
  const backend = await createWasmBackend({ heapMegabytes: 8 });
  afterAll(() => backend.dispose());
  const free = () => {
    try {
      backend.allocate(2 ** 40);
    } catch (error) {
      return (error as { fault: { availableBytes: number } }).fault.availableBytes;
    }
    throw new Error('the allocation should have failed');
  };

  test('buffers are zero and aligned, also where memory is used again', () => {
    const first = backend.scoped(() => backend.allocate(5).fill(3).byteOffset);
    backend.scoped(() => {
      const again = backend.allocate(5);
      expect(again.byteOffset).toBe(first);
      expect([...again]).toEqual([0, 0, 0, 0, 0]);
      expect(backend.allocate(1).byteOffset % 64).toBe(0);
    });
  });

  test('scopes give back what they allocated, nested, failing and waiting', async () => {
    const before = free();
    backend.scoped(() => {
      backend.allocate(100);
      const inside = free();
      expect(inside).toBeLessThan(before);
      backend.scoped(() => backend.allocate(100));
      expect(free()).toBe(inside);
    });
    expect(free()).toBe(before);
    expect(() =>
      backend.scoped(() => {
        backend.allocate(100);
        throw new Error('work failed');
      }),
    ).toThrow('work failed');
    expect(free()).toBe(before);
    await backend.scopedAsync(async () => {
      backend.allocate(100);
      await Promise.resolve();
      backend.allocate(100);
    });
    expect(free()).toBe(before);
  });

  test('too much is refused with a way out, and nothing is lost', () => {
    const before = free();
    expect(() => backend.allocate(2 ** 20)).toThrow(
      expect.objectContaining({ fault: expect.objectContaining({ code: 'out-of-memory' }) }),
    );
    expect(free()).toBe(before);
    expect(() => backend.allocate(-1)).toThrow('length');
  });

  test('a run whose scratch does not fit is refused', () => {
    const b = new ProgramBuilder();
    const y = b.state('sample', 'y', 1, 8);
    const large = b.scratch(1000, 1000);
    b.emit({ op: 'fill', y: large, value: 1 });
    b.emit({ op: 'maxAbs', x: large, c: { ...y, columns: 1, stride: 1 } });
    const run = backend.compile(b.program());
    backend.scoped(() => {
      const buffers = { y: backend.allocate(8) };
      expect(() => run({ samples: 1, buffers })).toThrow(
        expect.objectContaining({ fault: expect.objectContaining({ code: 'out-of-memory' }) }),
      );
    });
  });
});

describe('what is refused', () => {
  test.each([
    [{ threads: 0 }, 'threads'],
    [{ threads: 65 }, 'threads'],
    [{ heapMegabytes: 4 }, 'heapMegabytes'],
    [{ heapMegabytes: 4096 }, 'heapMegabytes'],
    [{ precision: 'f16' as 'f32' }, 'precision'],
    [{ build: 'fast' as 'auto' }, 'build'],
  ])('%o', async (options, message) => {
    await expect(createWasmBackend(options)).rejects.toThrow(message);
  });

  test('buffers of another backend, of the other precision, too short, missing', async () => {
    const backend = await createWasmBackend({ heapMegabytes: 8 });
    const other = await createWasmBackend({ heapMegabytes: 8, precision: 'f32' });
    const b = new ProgramBuilder();
    b.emit({ op: 'fill', y: b.state('sample', 'y', 1, 8), value: 1 });
    const run = backend.compile(b.program());
    const refused = (y: FloatArray | undefined, samples = 1) =>
      expect(() => run({ samples, buffers: y === undefined ? {} : { y } }));
    refused(new Float64Array(8)).toThrow('memory from elsewhere');
    refused(other.allocate(8)).toThrow('precision');
    refused(backend.allocate(7)).toThrow('shape');
    refused(undefined).toThrow('buffer "y"');
    refused(backend.allocate(8), -1).toThrow('samples');
    refused(backend.allocate(8), 0.5).toThrow('samples');
    backend.dispose();
    other.dispose();
  });

  test('work after dispose', async () => {
    const backend = await createWasmBackend({ heapMegabytes: 8, threads: 2 });
    const b = new ProgramBuilder();
    b.emit({ op: 'fill', y: b.state('sample', 'y', 1, 8), value: 1 });
    const run = backend.compile(b.program());
    const y = backend.allocate(8);
    run({ samples: 1, buffers: { y } });
    backend.dispose();
    backend.dispose();
    expect(() => run({ samples: 1, buffers: { y } })).toThrow('dispose');
    expect(() => backend.allocate(1)).toThrow('dispose');
  });
});
