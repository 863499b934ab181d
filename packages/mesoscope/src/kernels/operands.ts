import type { Instruction, MatrixRef } from './instruction.ts';
import type { Extent, InstructionRule } from './instruction-rule.ts';
import { instructionTable } from './instruction-table.ts';

/** What an instruction does with an operand, once it is known whether it accumulates. */
export type Role = 'read' | 'write' | 'accumulate' | 'update';

/** One operand of an instruction, with what the table says about its shape. */
export interface Operand {
  readonly name: string;
  readonly ref: MatrixRef;
  readonly role: Role;
  readonly rows: Extent;
  readonly columns: Extent;
}

/** The row of the table that describes an instruction. */
export function ruleOf({ op }: Pick<Instruction, 'op'>): InstructionRule {
  return instructionTable[op];
}

/** A field of an instruction by its name in the table. */
export function fieldOf(instruction: Instruction, name: string): unknown {
  return (instruction as unknown as Readonly<Record<string, unknown>>)[name];
}

/** The operands of an instruction, those left out omitted, in the order of the table. */
export function operandsOf(instruction: Instruction): readonly Operand[] {
  const operands: Operand[] = [];
  for (const [name, { role, shape }] of Object.entries(ruleOf(instruction).operands)) {
    const ref = fieldOf(instruction, name) as MatrixRef | undefined;
    if (ref === undefined) continue;
    const [rows, columns] = typeof shape === 'function' ? shape(instruction as never) : shape;
    const result = fieldOf(instruction, 'accumulate') === true ? 'accumulate' : 'write';
    operands.push({ name, ref, role: role === 'result' ? result : role, rows, columns });
  }
  return operands;
}

/** Whether two matrices have memory in common. */
export function overlap(a: MatrixRef, b: MatrixRef): boolean {
  const end = (ref: MatrixRef) => ref.offset + (ref.rows - 1) * ref.stride + ref.columns;
  return a.slot === b.slot && a.offset < end(b) && b.offset < end(a);
}
