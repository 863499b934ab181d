import { MesoscopeError } from '../errors.ts';
import type { MatrixRef } from '../kernels/instruction.ts';
import type { ProgramBuilder } from '../kernels/program.ts';

/** One named matrix inside a parameter vector. */
export interface ParameterBlock {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  /** First element inside the parameter vector. */
  readonly offset: number;
  /** Standard deviation of the entries at a random start; default `1/√columns`, 0 for biases. */
  readonly deviation?: number;
  /** Mean of the entries at a random start; default 0, 1 for gains. */
  readonly mean?: number;
}

/** How a field's parameters lie in one vector: blocks one after the other, each row-major. */
export interface ParameterLayout {
  readonly blocks: readonly ParameterBlock[];
  readonly length: number;
}

/** A parameter vector inside a slot. */
export interface ParameterRef {
  readonly slot: number;
  readonly offset: number;
}

/** What a field acts on. */
export interface FieldInput {
  /** h, a d × n state: one token per column. */
  readonly state: MatrixRef;
  readonly parameters: ParameterRef;
  /**
   * Weights of the tokens as keys, 1 × n, ≥ 0; default 1/n each. A token of weight 0 is moved by the others and
   * seen by none.
   */
  readonly weights?: MatrixRef | undefined;
}

/**
 * A layer's vector field `f(h, θ)` on n tokens in R^d. A field is stateless: it writes instructions into a
 * program, for the number of tokens that the state has.
 */
export interface Field {
  readonly name: string;
  /** d. */
  readonly dimension: number;
  readonly parameters: ParameterLayout;
  /**
   * Writes the instructions for f(h, θ), d × n, and returns where it stands. Their pullback follows from them
   * (kernels/pullback.ts).
   */
  trace(builder: ProgramBuilder, input: FieldInput): MatrixRef;
}

/** Shape of a block, then {@link ParameterBlock.deviation} and {@link ParameterBlock.mean}. */
export type BlockShape = readonly [
  rows: number,
  columns: number,
  deviation?: number,
  mean?: number,
];

/** A layout from named shapes, in order; a block without shape is left out. */
export function parameterLayout(
  shapes: Readonly<Record<string, BlockShape | undefined>>,
): ParameterLayout {
  let length = 0;
  const blocks: ParameterBlock[] = [];
  for (const [name, shape] of Object.entries(shapes)) {
    if (shape === undefined) continue;
    const [rows, columns, deviation, mean = 0] = shape;
    const block = { name, rows, columns, offset: length };
    blocks.push(deviation === undefined ? block : { ...block, deviation, mean });
    length += rows * columns;
  }
  return { blocks, length };
}

/** Layouts one after the other; block `B` of part `a` is called `a.B`. */
export function joinLayouts(
  parts: Readonly<Record<string, ParameterLayout>>,
): ParameterLayout & { readonly starts: Readonly<Record<string, number>> } {
  const blocks: ParameterBlock[] = [];
  const starts: Record<string, number> = {};
  let length = 0;
  for (const [name, part] of Object.entries(parts)) {
    starts[name] = length;
    for (const block of part.blocks) {
      blocks.push({ ...block, name: `${name}.${block.name}`, offset: length + block.offset });
    }
    length += part.length;
  }
  return { blocks, length, starts };
}

/** What begins `by` elements after a parameter vector. */
export function shifted({ slot, offset }: ParameterRef, by: number): ParameterRef {
  return { slot, offset: offset + by };
}

/** The matrix `name` of a parameter vector. @throws MesoscopeError `unknown-name` */
export function parameterMatrix(
  layout: ParameterLayout,
  parameters: ParameterRef,
  name: string,
): MatrixRef {
  const block = layout.blocks.find((candidate) => candidate.name === name);
  if (block === undefined) {
    const known = layout.blocks.map((one) => one.name);
    throw new MesoscopeError({
      code: 'unknown-name',
      kind: 'parameter block',
      received: name,
      known,
    });
  }
  return {
    slot: parameters.slot,
    offset: parameters.offset + block.offset,
    rows: block.rows,
    columns: block.columns,
    stride: block.columns,
  };
}
