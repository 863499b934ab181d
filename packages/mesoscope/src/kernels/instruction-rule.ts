/**
 * What an instruction does with an operand: `read` it; `write` it, whatever stood there; `accumulate`: add to it without
 * looking at it; `update`: read and replace it; `result`: accumulate or write, as the instruction's `accumulate` says.
 */
export type OperandRole = 'read' | 'write' | 'accumulate' | 'update' | 'result';

/** A number of rows or columns: fixed, one of several, or a letter that stands for one number within an instruction. */
export type Extent = number | string | { readonly oneOf: readonly number[] };

/** One operand in the table. */
export interface OperandRule {
  readonly role: OperandRole;
  /** Rows and columns, from the instruction's other fields where they depend on them. */
  readonly shape: readonly [Extent, Extent] | ((instruction: never) => readonly [Extent, Extent]);
  readonly optional?: true;
}

/**
 * What stands in a field that is not a matrix: a scalar reference, a number, a whole number from 1 (`count`) or from 0
 * (`steps`), a truth value, one of some names, or a number with a default.
 */
export type NumberRule =
  | 'scalar'
  | 'number'
  | 'count'
  | 'steps'
  | 'flag'
  | readonly string[]
  | DefaultRule;

/** A number that may be left out, and what it is then. */
export interface DefaultRule {
  readonly otherwise: number;
}

/** One row of the table. */
export interface InstructionRule {
  readonly operands: Readonly<Record<string, OperandRule>>;
  readonly numbers: Readonly<Record<string, NumberRule>>;
  /** It finishes with a column before it touches the next: a result may replace an operand. */
  readonly inPlace?: true;
  /** What is wrong with the numbers of an instruction, beyond what their rules say: a field, and what is expected of it. */
  readonly fault?: (instruction: never) => readonly [field: string, expected: string] | undefined;
}
