import type { Backend, Executable, FloatArray } from '../../kernels/backend.ts';
import type { MatrixRef, ScalarRef } from '../../kernels/instruction.ts';
import { ProgramBuilder } from '../../kernels/program.ts';
import { wholePower } from '../../numeric/power.ts';

/** How one step changes the parameters, and what it remembers from step to step. */
export interface UpdateRule {
  readonly name: string;
  /** Vectors laid out like the parameters (moments), by name: with the step number, the rule's whole memory. */
  readonly memory: Readonly<Record<string, FloatArray>>;
  /**
   * Changes `parameters` in place. Both vectors are in the backend's memory.
   *
   * @param step - counted from 0 since the memory was zero
   */
  apply(parameters: FloatArray, gradient: FloatArray, rate: number, step: number): void;
}

/** Makes a rule for vectors of a length; its memory is the backend's and begins at zero. */
export type UpdateRuleFactory = (backend: Backend, length: number) => UpdateRule;

/** Explicit gradient flow: `x ← x − rate · g`. */
export const gradientFlow: UpdateRuleFactory = (backend, length) => {
  const update = chunked(backend, length, ['x', 'g'], ['step'], ([x, g], [step], builder) => {
    builder.add(g, x, step);
  });
  return {
    name: 'gradient flow',
    memory: {},
    apply: (x, g, rate) => update({ x, g }, { step: -rate }),
  };
};

export interface AdamOptions {
  /** β₁ in [0, 1); default 0.9. */
  readonly beta1?: number;
  /** β₂ in [0, 1); default 0.99: control problems are trained for thousands of steps, not millions. */
  readonly beta2?: number;
  /** ε > 0; default 1e-8. */
  readonly epsilon?: number;
}

/**
 * Adam (arXiv 1412.6980): `m ← β₁m + (1−β₁)g`, `v ← β₂v + (1−β₂)g²`,
 * `x ← x − rate · (m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + ε)`, t = step + 1.
 */
export function adam(options: AdamOptions = {}): UpdateRuleFactory {
  const { beta1 = 0.9, beta2 = 0.99, epsilon = 1e-8 } = options;
  return (backend, length) => {
    const memory = { m: backend.allocate(length), v: backend.allocate(length) };
    const update = chunked(
      backend,
      length,
      ['x', 'g', 'm', 'v'],
      ['rate', 'correction1', 'correction2'],
      ([x, g, m, v], [rate, correction1, correction2], builder) => {
        builder.adam({ x, g, m, v, beta1, beta2, epsilon, rate, correction1, correction2 });
      },
    );
    return {
      name: 'adam',
      memory,
      apply(x, g, rate, step) {
        const correction1 = 1 / (1 - wholePower(beta1, step + 1));
        const correction2 = 1 / (1 - wholePower(beta2, step + 1));
        update({ x, g, ...memory }, { rate, correction1, correction2 });
      },
    };
  };
}

/** Entries that one thread takes at a time. */
const chunk = 2048;

/**
 * Compiles an entrywise update of vectors as one program over chunks of them (the samples, which the backend splits
 * over its threads) and one over what is left.
 */
function chunked(
  backend: Backend,
  length: number,
  vectors: readonly string[],
  scalars: readonly string[],
  write: (refs: MatrixRef[], scalars: ScalarRef[], builder: ProgramBuilder) => void,
): (buffers: Record<string, FloatArray>, scalars: Record<string, number>) => void {
  const compile = (columns: number): Executable => {
    const builder = new ProgramBuilder();
    const refs = vectors.map((name) => builder.parameters('sample', name, 1, columns));
    write(
      refs,
      scalars.map((name) => builder.scalar(name)),
      builder,
    );
    return backend.compile(builder.program());
  };
  const samples = Math.floor(length / chunk);
  const rest = length % chunk;
  const runChunks = compile(chunk);
  const runRest = rest === 0 ? undefined : compile(rest);
  return (buffers, values) => {
    runChunks({ samples, buffers, scalars: values });
    if (runRest === undefined) return;
    const tails = Object.entries(buffers).map(([name, buffer]) => [
      name,
      buffer.subarray(samples * chunk, length),
    ]);
    runRest({ samples: 1, buffers: Object.fromEntries(tails), scalars: values });
  };
}
