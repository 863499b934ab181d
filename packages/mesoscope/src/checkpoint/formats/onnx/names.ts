import type { Tensor } from '../../tensor.ts';
import { type OnnxConstants, transposed } from './constants.ts';
import type { OnnxNode } from './model.ts';

/** Names that exporters make up. */
const madeUp = /^(onnx::|val_|\/|_val_|const|node_)|^$|^\d+$/i;

/**
 * The tensors of a model under the names that PyTorch knew. Exporters turn the matrix of a linear layer around and lose its
 * name; it is found again by the bias that is added to its product, else by the path of the node that computes it.
 */
export function nameTensors(
  { tensors, parts }: OnnxConstants,
  nodes: readonly OnnxNode[],
): { readonly tensors: readonly Tensor[]; readonly recovered: number } {
  const consumers = consumersOf(nodes);
  const named = new Map<string, Tensor>();
  const matrices = new Set<string>();
  let recovered = 0;
  for (const node of nodes) {
    const stored = node.inputs[1];
    const matrix = tensors.get(stored);
    const linear = node.operator === 'MatMul' || node.operator === 'Gemm';
    if (!linear || matrix === undefined || matrix.shape.length !== 2) continue;
    const name = madeUp.test(stored) ? linearName(node, consumers, tensors) : stored;
    if (name !== stored) recovered++;
    // Gemm with transB has the matrix as PyTorch does.
    const kept = node.operator === 'Gemm' && node.numbers.get('transB') === 1;
    named.set(name, { ...(kept ? matrix : transposed(matrix)), name });
    matrices.add(stored);
  }
  const others = [...tensors.values()].filter(
    (tensor) => !matrices.has(tensor.name) && !parts.has(tensor.name) && !isHelper(tensor),
  );
  return { tensors: [...others, ...named.values()], recovered };
}

/** Sizes, indices and small numbers of the exporter, which no training made. */
function isHelper({ name, dtype, shape }: Tensor): boolean {
  const isFloat = /float|scales/.test(dtype);
  const isSingle = shape.every((n) => n === 1);
  return madeUp.test(name) ? !isFloat || isSingle : !isFloat && isSingle;
}

function consumersOf(nodes: readonly OnnxNode[]): ReadonlyMap<string, readonly OnnxNode[]> {
  const consumers = new Map<string, OnnxNode[]>();
  for (const node of nodes) {
    for (const input of node.inputs) {
      const known = consumers.get(input);
      if (known === undefined) consumers.set(input, [node]);
      else known.push(node);
    }
  }
  return consumers;
}

function linearName(
  node: OnnxNode,
  consumers: ReadonlyMap<string, readonly OnnxNode[]>,
  tensors: ReadonlyMap<string, Tensor>,
): string {
  const added = (consumers.get(node.outputs[0]) ?? [])
    .filter(({ operator }) => operator === 'Add')
    .flatMap(({ inputs }) => inputs);
  const bias = [...added, ...node.inputs.slice(2)].find(
    (name) => name.endsWith('.bias') && tensors.has(name),
  );
  if (bias !== undefined) return bias.replace(/bias$/, 'weight');
  const path = node.name.match(/^\/(.+)\/(MatMul|Gemm)(_\d+)?$/)?.[1];
  return path === undefined ? node.inputs[1] : `${path.replaceAll('/', '.')}.weight`;
}
