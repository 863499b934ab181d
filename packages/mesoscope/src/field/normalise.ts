import type { MatrixRef, NormalisationKind } from '../kernels/instruction.ts';
import { normalisationKinds } from '../kernels/instruction-table.ts';
import type { ProgramBuilder } from '../kernels/program.ts';
import { requireName, requirePositive } from './check.ts';
import {
  type Field,
  joinLayouts,
  type ParameterLayout,
  type ParameterRef,
  parameterLayout,
  parameterMatrix,
  shifted,
} from './field.ts';

export { normalisationKinds };

export interface NormalisationOptions {
  /** `layer`: `(x − mean)/√(var + ε)`; `rms`: `x/√(|x|²/d + ε)`. */
  readonly kind: NormalisationKind;
  /** ε > 0; default 1e-5. */
  readonly epsilon?: number;
  /** Whether the normalised x is multiplied entrywise by a gain; default false. */
  readonly gain?: boolean;
  /** Whether a bias is added after that; default false. */
  readonly bias?: boolean;
}

/** `x ↦ g ∘ norm(x) + b`, token by token; blocks `gain` and `bias`, where there are any. */
export interface Normalisation {
  readonly layout: ParameterLayout;
  write(builder: ProgramBuilder, theta: ParameterRef, x: MatrixRef): MatrixRef;
}

/**
 * `h ↦ f(g ∘ norm(h) + b)`, token by token: a field that sees normalised tokens and moves the unnormalised ones. Blocks are
 * those of f, then `norm.gain` and `norm.bias` where there are any: with either, those of f are called `field.…`.
 * Source: arXiv 1607.06450 (layer), arXiv 1910.07467 (rms), arXiv 2002.04745 (before the layer).
 *
 * @throws MesoscopeError `invalid-value`, `unknown-name`
 */
export function prenormalise(field: Field, options: NormalisationOptions): Field {
  const { dimension } = field;
  const norm = normalisation(dimension, options);
  const { parameters, start } = withNorm(field, norm);
  return {
    name: `${field.name} of the ${options.kind}-normalised state`,
    dimension,
    parameters,
    trace(builder, input) {
      const theta = input.parameters;
      const state = norm.write(builder, shifted(theta, start), input.state);
      return field.trace(builder, { ...input, state });
    },
  };
}

/**
 * `h ↦ g ∘ norm(h + f(h)) + b − h`: the increment of a block that normalises after its residual sum, so that Euler's step of
 * length 1 is `g ∘ norm(h + f(h)) + b` (arXiv 1706.03762). Blocks as of {@link prenormalise}.
 *
 * @throws MesoscopeError `invalid-value`, `unknown-name`
 */
export function postnormalise(field: Field, options: NormalisationOptions): Field {
  const { dimension } = field;
  const norm = normalisation(dimension, options);
  const { parameters, start } = withNorm(field, norm);
  return {
    name: `${field.name}, ${options.kind}-normalised afterwards`,
    dimension,
    parameters,
    trace(builder, input) {
      const theta = input.parameters;
      const sum = builder.scale(input.state);
      builder.add(field.trace(builder, input), sum);
      const normal = norm.write(builder, shifted(theta, start), sum);
      return builder.add(input.state, normal, { factor: -1 });
    },
  };
}

/** A normalisation of its own, for programs. @throws MesoscopeError `invalid-value`, `unknown-name` */
export function normalisation(dimension: number, options: NormalisationOptions): Normalisation {
  const { kind, epsilon = 1e-5, gain = false, bias = false } = options;
  requireName('normalisation', kind, normalisationKinds);
  requirePositive('epsilon', epsilon);
  const layout = parameterLayout({
    gain: gain ? [dimension, 1, 0, 1] : undefined,
    bias: bias ? [dimension, 1, 0] : undefined,
  });
  return {
    layout,
    write(builder, theta, x) {
      const block = (name: string) => parameterMatrix(layout, theta, name);
      const normal = builder.normalise(kind, epsilon, x);
      const scaled = gain ? builder.scaleRows(block('gain'), normal) : normal;
      return bias
        ? builder.broadcast(block('bias'), x.columns, { into: scaled, add: true })
        : scaled;
    },
  };
}

/** The parameters of a field and a normalisation, and where the latter's begin. */
function withNorm(
  { parameters }: Field,
  { layout }: Normalisation,
): { readonly parameters: ParameterLayout; readonly start: number } {
  if (layout.length === 0) return { parameters, start: 0 };
  const joined = joinLayouts({ field: parameters, norm: layout });
  return { parameters: joined, start: joined.starts.norm };
}
