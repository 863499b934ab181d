import type { Backend, Executable, FloatArray, Run } from '../backend.ts';
import { checkProgram, checkRun } from '../check.ts';
import type { Instruction, Opcode } from '../instruction.ts';
import { type Program, scratchSlot } from '../program.ts';
import { activation, activationPullback } from './activation.ts';
import { attention, attentionPullback } from './attention.ts';
import { axpy, broadcast, fill, hadamard } from './elementwise.ts';
import { gather, scatter } from './gather.ts';
import { gaussianMoments } from './gaussian.ts';
import { crossEntropy } from './loss.ts';
import type { Frame, Of } from './matrix.ts';
import { normalise, normalisePullback, tangent, tangentPullback } from './normalisation.ts';
import { adam } from './optimiser.ts';
import { dot, maxAbs, outer, product, rowSums } from './products.ts';
import { rotate } from './rotation.ts';
import { pairwiseLogSumExp } from './transport.ts';

const kernels: { readonly [Op in Opcode]: (instruction: Of<Op>, frame: Frame) => void } = {
  product,
  outer,
  rowSums,
  broadcast,
  fill,
  axpy,
  hadamard,
  dot,
  maxAbs,
  activation,
  activationPullback,
  normalise,
  normalisePullback,
  rotate,
  tangent,
  tangentPullback,
  attention,
  attentionPullback,
  crossEntropy,
  gather,
  scatter,
  adam,
  pairwiseLogSumExp,
  gaussianMoments,
};

/**
 * The specification of the kernels: plain TypeScript, f64, one thread, written to be read beside the formulas of
 * {@link Instruction}. Slow: for tests and for small instances.
 */
export function createReferenceBackend(): Backend {
  return {
    name: 'reference',
    precision: 'f64',
    threads: 1,
    allocate: (length) => new Float64Array(length),
    scoped: (work) => work(),
    scopedAsync: (work) => work(),
    compile,
    dispose: () => {},
  };
}

function compile(program: Program): Executable {
  checkProgram(program);
  const scratch = new Float64Array(program.slots[scratchSlot].length);
  return (run) => {
    checkRun(program, run, 'f64');
    for (let sample = 0; sample < run.samples; sample++) {
      const frame = frameOf(program, run, scratch, sample);
      for (const instruction of program.instructions) execute(instruction, frame);
    }
  };
}

function execute(instruction: Instruction, frame: Frame): void {
  const kernel = kernels[instruction.op] as (instruction: Instruction, frame: Frame) => void;
  kernel(instruction, frame);
}

/** Binds the slots of a program to the buffers of one sample. */
function frameOf(program: Program, run: Run, scratch: Float64Array, sample: number): Frame {
  const data = program.slots.map(({ name, kind }) =>
    kind === 'scratch' ? scratch : float64(run.buffers[name]),
  );
  const starts = program.slots.map(({ kind, length }) => (kind === 'sample' ? sample * length : 0));
  return {
    matrix: (ref) => ({ ...ref, data: data[ref.slot], start: starts[ref.slot] + ref.offset }),
    scalar: ({ factor, index }) =>
      index === undefined ? factor : factor * (run.scalars?.[program.scalars[index]] ?? Number.NaN),
  };
}

/** A buffer that {@link checkRun} has found to be f64. */
function float64(buffer: FloatArray): Float64Array {
  return buffer as Float64Array;
}
