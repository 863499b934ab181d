import type { RandomAccess } from '../../files.ts';
import { computedTensor, type Tensor } from '../../tensor.ts';
import type { Contents } from '../contents.ts';
import { foldConstants } from './constants.ts';
import { readModel } from './model.ts';
import { nameTensors } from './names.ts';
import { readSettings } from './settings.ts';

/**
 * The trained numbers of an ONNX model under the names and in the orientation of PyTorch. Of quantised ones those are read
 * whose weights alone are int8.
 *
 * @param beside - the file of that name beside the model, for tensors that are stored there
 * @throws MesoscopeError `file`
 */
export async function readOnnx(
  file: RandomAccess,
  beside: (name: string) => RandomAccess | undefined,
): Promise<Contents> {
  const model = await readModel(file, beside);
  const { tensors, recovered } = nameTensors(foldConstants(model, file.path), model.nodes);
  const config = await readSettings(model, new Map(tensors.map((one) => [one.name, one])));
  const joined = config.model_type === 'dinov2' ? withPositions(tensors) : tensors;
  const notes = [
    `names of ${recovered} matrices were recovered from their biases and nodes, and the matrices turned back to out × in`,
    'settings were told from names, shapes and computation: ONNX has no config.json',
  ];
  return { tensors: joined, config, notes };
}

/**
 * DINOv2's positions: exporters cut the table into that of the class token and those of the patches, which they resize.
 */
function withPositions(tensors: readonly Tensor[]): readonly Tensor[] {
  const classToken = tensors.find(({ name }) => name.endsWith('embeddings.cls_token'));
  const width = classToken?.shape.at(-1);
  const parts = tensors.filter(
    ({ name, shape }) => name.startsWith('onnx::') && shape.length === 3 && shape[2] === width,
  );
  if (classToken === undefined || parts.length !== 2) return tensors;
  const [first, rest] = parts[0].shape[1] === 1 ? parts : [parts[1], parts[0]];
  const name = classToken.name.replace(/cls_token$/, 'position_embeddings');
  const shape = [1, first.shape[1] + rest.shape[1], first.shape[2]];
  const table = computedTensor({ name, shape, dtype: first.dtype }, async () => {
    const [head, tail] = [await first.read(), await rest.read()];
    const numbers = new Float32Array(head.length + tail.length);
    numbers.set(head);
    numbers.set(tail, head.length);
    return numbers;
  });
  return [...tensors.filter((one) => !parts.includes(one)), table];
}
