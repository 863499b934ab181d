import { sizeOf } from '../../../formats/arrays.ts';
import { unreadable } from '../../refusal.ts';
import { computedTensor, type Tensor } from '../../tensor.ts';
import type { Numbers } from '../codec.ts';
import type { OnnxModel, OnnxNode } from './model.ts';

/** Operators whose weights are packed, or whose arithmetic is not that of the model that was quantised. */
const packed: ReadonlySet<string> = new Set([
  ...['MatMulInteger', 'QLinearMatMul', 'QGemm', 'QAttention', 'DynamicQuantizeMatMul'],
  ...['MatMulNBits', 'MatMulBnb4', 'MatMulIntegerToFloat', 'DynamicQuantizeLinear', 'ConvInteger'],
]);

/** The constants of a model, those included that it makes of others before anything is fed in. */
export interface OnnxConstants {
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Names of those of which others are made. */
  readonly parts: ReadonlySet<string>;
}

/**
 * Follows the constants of a model through the steps that only undo a quantisation or turn a matrix: `Cast`, `Mul` by
 * scales, `DequantizeLinear`, `Transpose`, `Identity`.
 *
 * @throws MesoscopeError `file` for a model whose weights are packed for integer arithmetic
 */
export function foldConstants({ constants, nodes }: OnnxModel, path: string): OnnxConstants {
  const refused = nodes.find(({ operator }) => packed.has(operator));
  if (refused !== undefined) {
    throw unreadable(
      path,
      `it computes by ${refused.operator} ("${refused.name}"), in integers: its weights are packed and its activations rounded, so that it is not the model that was trained`,
      'Take the file in f32 or f16, or one whose weights alone are int8.',
    );
  }
  const tensors = new Map(constants);
  const parts = new Set<string>();
  // Nodes come in the order in which they are computed.
  for (const node of nodes) {
    const fold = folds.get(node.operator);
    const inputs = node.inputs.flatMap((name) => tensors.get(name) ?? []);
    const [output] = node.outputs;
    if (fold === undefined || output === undefined || inputs.length < node.inputs.length) continue;
    const folded = fold(inputs, node);
    if (folded === undefined) continue;
    tensors.set(output, { ...folded, name: output });
    for (const name of node.inputs) parts.add(name);
  }
  return { tensors, parts };
}

/** The constant that a node makes of others; undefined if it does more than undo a quantisation or turn a matrix. */
type Fold = (inputs: readonly Tensor[], node: OnnxNode) => Tensor | undefined;

const folds: ReadonlyMap<string, Fold> = new Map<string, Fold>([
  ['Identity', ([tensor]) => tensor],
  ['Cast', ([tensor], node) => (node.numbers.get('to') === float32 ? tensor : undefined)],
  [
    'Transpose',
    ([matrix], node) => {
      const [first, second] = node.lists.get('perm') ?? [1, 0];
      return matrix?.shape.length === 2 && first === 1 && second === 0
        ? transposed(matrix)
        : undefined;
    },
  ],
  [
    'Mul',
    ([one, other]) => {
      if (one === undefined || other === undefined) return undefined;
      if (isQuantised(one)) return scaled(one, other);
      return isQuantised(other) ? scaled(other, one) : undefined;
    },
  ],
  [
    'DequantizeLinear',
    ([quantised, scale, zero], node) => {
      if (quantised === undefined || scale === undefined) return undefined;
      const axis = node.numbers.get('axis') ?? 1;
      const along = (tensor: Tensor) => alongAxis(tensor, axis, quantised.shape);
      return scaled(quantised, along(scale), zero && along(zero));
    },
  ],
]);

/** TensorProto.DataType of f32. */
const float32 = 1;

/** A vector as a tensor whose only long axis is that one of a shape; negative axes count from the last. */
function alongAxis(tensor: Tensor, axis: number, shape: readonly number[]): Tensor {
  if (tensor.shape.length !== 1 || tensor.shape[0] === 1) return tensor;
  const place = axis < 0 ? axis + shape.length : axis;
  return { ...tensor, shape: shape.map((_, i) => (i === place ? tensor.shape[0] : 1)) };
}

/** Whether a constant is stored as small whole numbers. */
function isQuantised({ dtype }: Tensor): boolean {
  return dtype === 'int8' || dtype === 'uint8';
}

/** (q − zero)·scale, rounded to f32 once, with the scales laid along the axes of q as ONNX does; undefined where they do not fit. */
function scaled(quantised: Tensor, scale: Tensor, zero?: Tensor): Tensor | undefined {
  const { name, shape } = quantised;
  if (!fits(scale, shape) || !(zero === undefined || fits(zero, shape))) return undefined;
  const dtype = `${quantised.dtype} with scales`;
  return computedTensor({ name, shape, dtype }, async () => {
    const q = await quantised.read();
    const scales = broadcast(await scale.read(), scale.shape, shape);
    const zeros = zero && broadcast(await zero.read(), zero.shape, shape);
    const numbers = new Float32Array(q.length);
    for (let i = 0; i < q.length; i++) numbers[i] = (q[i] - (zeros?.(i) ?? 0)) * scales(i);
    return numbers;
  });
}

/** Whether a tensor spreads to a shape: its last axes are those of the shape, or 1. */
function fits(tensor: Tensor, shape: readonly number[]): boolean {
  const lead = shape.length - tensor.shape.length;
  return lead >= 0 && tensor.shape.every((n, i) => n === 1 || n === shape[lead + i]);
}

/** The entry of a small tensor that belongs to number i of a shape. */
function broadcast(
  numbers: Numbers,
  small: readonly number[],
  shape: readonly number[],
): (i: number) => number {
  const lead = shape.length - small.length;
  const steps = small.map((n, axis) => (n === 1 ? 0 : sizeOf(small.slice(axis + 1))));
  const sizes = small.map((_, axis) => sizeOf(shape.slice(lead + axis + 1)));
  return (i) => {
    let at = 0;
    for (let axis = 0; axis < small.length; axis++) {
      at += steps[axis] * (Math.floor(i / sizes[axis]) % shape[lead + axis]);
    }
    return numbers[at];
  };
}

/** A matrix turned around. */
export function transposed(tensor: Tensor): Tensor {
  const [rows, columns] = tensor.shape;
  const { name, dtype } = tensor;
  return computedTensor({ name, dtype, shape: [columns, rows] }, async () => {
    const numbers = await tensor.read();
    const result: Numbers = numbers.slice();
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) result[j * rows + i] = numbers[i * columns + j];
    }
    return result;
  });
}
