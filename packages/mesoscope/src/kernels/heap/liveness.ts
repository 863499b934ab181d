import type { Instruction } from '../instruction.ts';
import { type Operand, operandsOf } from '../operands.ts';
import { type Program, scratchSlot } from '../program.ts';

/**
 * The program without the instructions whose results nothing reads: those that write to scratch only, and there to what
 * no later instruction needs. A pullback, for example, is written after the forward pass that it belongs to, and often
 * needs little of it.
 */
export function withoutUnreadResults(program: Program): Program {
  const needed = new Uint8Array(program.slots[scratchSlot].length);
  const kept: Instruction[] = [];
  for (const instruction of program.instructions.toReversed()) {
    const operands = operandsOf(instruction);
    if (!operands.some((operand) => operand.role !== 'read' && isNeeded(operand, needed))) continue;
    kept.push(instruction);
    for (const operand of operands) {
      if (isRead(instruction, operand)) markNeeded(operand, needed);
    }
  }
  return { ...program, instructions: kept.reverse() };
}

/** The kernels recompute the normaliser with P. */
function isRead({ op }: Instruction, { name, role }: Operand): boolean {
  if (op === 'attentionPullback' && name === 'normaliser') return false;
  return role === 'read' || role === 'update';
}

function isNeeded({ ref }: Operand, needed: Uint8Array): boolean {
  if (ref.slot !== scratchSlot) return true;
  return needed.subarray(ref.offset, ref.offset + ref.rows * ref.stride).includes(1);
}

function markNeeded({ ref }: Operand, needed: Uint8Array): void {
  if (ref.slot === scratchSlot) needed.fill(1, ref.offset, ref.offset + ref.rows * ref.stride);
}
