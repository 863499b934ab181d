import { type Field, parameterLayout, parameterMatrix } from '../field/field.ts';
import type { Backend } from '../kernels/backend.ts';
import type { Instruction } from '../kernels/instruction.ts';
import { type Program, scaled } from '../kernels/program.ts';

/** `f(h, θ) = θ` on one token of R: the control is the velocity. */
export const velocity: Field = {
  name: 'velocity',
  dimension: 1,
  parameters: parameterLayout({ b: [1, 1] }),
  trace: (builder, { state, parameters }) =>
    builder.broadcast(parameterMatrix(velocity.parameters, parameters, 'b'), state.columns),
};

/** A backend on which every gradient by parameters comes out `factor` times what it should be. */
export function withScaledGradients(backend: Backend, factor: number): Backend {
  const changed = (instruction: Instruction, { slots }: Program): Instruction =>
    (instruction.op === 'outer' || instruction.op === 'rowSums') &&
    slots[instruction.c.slot].kind === 'accumulator'
      ? { ...instruction, alpha: scaled(instruction.alpha, factor) }
      : instruction;
  return {
    ...backend,
    compile: (program) =>
      backend.compile({
        ...program,
        instructions: program.instructions.map((instruction) => changed(instruction, program)),
      }),
  };
}
