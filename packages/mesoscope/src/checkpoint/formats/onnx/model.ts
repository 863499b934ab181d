import { shortened } from '../../../errors.ts';
import { mostAxes, type NumberType, sizeOf, storages } from '../../../formats/arrays.ts';
import { fileName, type RandomAccess } from '../../files.ts';
import { unreadable } from '../../refusal.ts';
import { computedTensor, placedTensor, type Tensor } from '../../tensor.ts';
import { plainCodec } from '../codec.ts';
import { type Field, openProtobuf, type ProtobufFile } from './protobuf.ts';

/** Numbers of TensorProto.DataType. */
const types: ReadonlyMap<number, NumberType> = new Map([
  [1, 'float32'],
  [2, 'uint8'],
  [3, 'int8'],
  [4, 'uint16'],
  [5, 'int16'],
  [6, 'int32'],
  [7, 'int64'],
  [9, 'bool'],
  [10, 'float16'],
  [11, 'float64'],
  [12, 'uint32'],
  [13, 'uint64'],
  [16, 'bfloat16'],
]);

/** TensorProto.DataType of texts. */
const textType = 8;

/** A step of the computation. */
export interface OnnxNode {
  /** `MatMul`. */
  readonly operator: string;
  /** `''` for those of ONNX itself. */
  readonly domain: string;
  /** `/encoder/layer.0/attention/self/query/MatMul`, or anything. */
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Attributes that are numbers, or lists of whole ones. */
  readonly numbers: ReadonlyMap<string, number>;
  readonly lists: ReadonlyMap<string, readonly number[]>;
}

/** An ONNX model: its constants, not yet read, and its computation. */
export interface OnnxModel {
  readonly constants: ReadonlyMap<string, Tensor>;
  readonly nodes: readonly OnnxNode[];
  /** Sizes of the inputs of the whole; −1 for one that is free. */
  readonly inputs: ReadonlyMap<string, readonly number[]>;
}

/**
 * Reads the description of an ONNX model (`onnx.proto` of onnx 1.17); the numbers of its tensors are passed over.
 *
 * @param beside - the file of that name beside the model, for tensors that are stored there
 * @throws MesoscopeError `file`, naming the tensor that cannot be read
 */
export async function readModel(
  file: RandomAccess,
  beside: (name: string) => RandomAccess | undefined,
): Promise<OnnxModel> {
  const buffer = openProtobuf(file);
  const constants = new Map<string, Tensor>();
  const nodes: OnnxNode[] = [];
  const inputs = new Map<string, readonly number[]>();
  const keep = (tensor: Tensor | undefined) => {
    if (tensor !== undefined) constants.set(tensor.name, tensor);
  };
  for await (const field of buffer.fields(0, file.size)) {
    if (field.id !== ids.model.graph) continue;
    for await (const part of buffer.fields(field.from, field.to)) {
      if (part.id === ids.graph.initializer) keep(await readTensor(buffer, file, part, beside));
      if (part.id === ids.graph.input) {
        const { name, shape } = await readInput(buffer, part);
        inputs.set(name, shape);
      }
      if (part.id === ids.graph.node) {
        const { node, value } = await readNode(buffer, part);
        nodes.push(node);
        const [output] = node.outputs;
        if (node.operator === 'Constant' && value !== undefined && output !== undefined) {
          const tensor = await readTensor(buffer, file, value, beside);
          keep(tensor && { ...tensor, name: output });
        }
      }
    }
  }
  if (nodes.length === 0) throw unreadable(file.path, 'it is no ONNX file, or holds no model');
  return { constants, nodes, inputs };
}

/** Fields of the messages by their ids. */
const ids = {
  model: { graph: 7 },
  graph: { node: 1, initializer: 5, input: 11 },
  node: { input: 1, output: 2, name: 3, operator: 4, attribute: 5, domain: 7 },
  attribute: { name: 1, float: 2, whole: 3, tensor: 5, list: 8 },
  tensor: {
    dims: 1,
    type: 2,
    floats: 4,
    int32: 5,
    int64: 7,
    name: 8,
    raw: 9,
    doubles: 10,
    external: 13,
  },
  entry: { key: 1, value: 2 },
  value: { name: 1, type: 2 },
  type: { tensor: 1 },
  tensorType: { shape: 2 },
  shape: { dim: 1 },
  dim: { value: 1 },
} as const;

async function readNode(buffer: ProtobufFile, { from, to }: Field) {
  const texts = { name: '', operator: '', domain: '' };
  const inputs: string[] = [];
  const outputs: string[] = [];
  const numbers = new Map<string, number>();
  const lists = new Map<string, readonly number[]>();
  let value: Field | undefined;
  for await (const field of buffer.fields(from, to)) {
    if (field.id === ids.node.input) inputs.push(await buffer.text(field));
    if (field.id === ids.node.output) outputs.push(await buffer.text(field));
    if (field.id === ids.node.name) texts.name = await buffer.text(field);
    if (field.id === ids.node.operator) texts.operator = await buffer.text(field);
    if (field.id === ids.node.domain) texts.domain = await buffer.text(field);
    if (field.id === ids.node.attribute) {
      let name = '';
      for await (const part of buffer.fields(field.from, field.to)) {
        if (part.id === ids.attribute.name) name = await buffer.text(part);
        if (part.id === ids.attribute.float) numbers.set(name, await float(buffer, part));
        if (part.id === ids.attribute.whole) numbers.set(name, part.value);
        if (part.id === ids.attribute.tensor) value = part;
        if (part.id === ids.attribute.list) {
          lists.set(name, [...(lists.get(name) ?? []), ...(await buffer.numbers(part))]);
        }
      }
    }
  }
  const node: OnnxNode = { ...texts, inputs, outputs, numbers, lists };
  return { node, value };
}

async function float(buffer: ProtobufFile, { from, to }: Field): Promise<number> {
  const bytes = await buffer.bytes(from, to);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getFloat32(0, true);
}

/** Name and sizes of an input of the model. */
async function readInput(buffer: ProtobufFile, { from, to }: Field) {
  let name = '';
  const shape: number[] = [];
  const descend = async (field: Field, path: readonly number[]): Promise<void> => {
    if (path.length === 0) {
      let size = -1;
      for await (const part of buffer.fields(field.from, field.to)) {
        if (part.id === ids.dim.value) size = part.value;
      }
      shape.push(size);
      return;
    }
    for await (const part of buffer.fields(field.from, field.to)) {
      if (part.id === path[0]) await descend(part, path.slice(1));
    }
  };
  for await (const field of buffer.fields(from, to)) {
    if (field.id === ids.value.name) name = await buffer.text(field);
    if (field.id === ids.value.type) {
      await descend(field, [ids.type.tensor, ids.tensorType.shape, ids.shape.dim]);
    }
  }
  return { name, shape };
}

/** A tensor where its numbers stand; undefined for one of texts. */
async function readTensor(
  buffer: ProtobufFile,
  file: RandomAccess,
  { from, to }: Field,
  beside: (name: string) => RandomAccess | undefined,
): Promise<Tensor | undefined> {
  const shape: number[] = [];
  const external = new Map<string, string>();
  let name = '';
  let typeId = 0;
  let raw: Field | undefined;
  let varints: Field | undefined;
  for await (const field of buffer.fields(from, to)) {
    if (field.id === ids.tensor.dims) shape.push(...(await buffer.numbers(field)));
    if (field.id === ids.tensor.type) typeId = field.value;
    if (field.id === ids.tensor.name) name = await buffer.text(field);
    if ([ids.tensor.raw, ids.tensor.floats, ids.tensor.doubles].some((id) => id === field.id)) {
      raw = field;
    }
    if (field.id === ids.tensor.int32 || field.id === ids.tensor.int64) varints = field;
    if (field.id === ids.tensor.external) {
      const [key, value] = await readEntry(buffer, field);
      external.set(key, value);
    }
  }
  if (typeId === textType) return undefined;
  const refuse = (reason: string) => unreadable(file.path, `tensor "${shortened(name)}" ${reason}`);
  const type = types.get(typeId);
  if (type === undefined) throw refuse(`has the type ${typeId} of ONNX, which is unknown here`);
  if (shape.length > mostAxes || !shape.every((n) => Number.isSafeInteger(n) && n >= 0)) {
    throw refuse(`has the shape [${shortened(shape.join(', '))}]`);
  }
  const length = sizeOf(shape) * storages[type].width;
  const codec = plainCodec(type);
  if (external.has('location')) {
    const location = external.get('location') ?? '';
    const other = beside(location);
    if (other === undefined) throw refuse(`is stored in ${location}, which is missing`);
    const start = Number(external.get('offset') ?? 0);
    if (!(start >= 0 && start + length <= other.size)) throw refuse(`ends after ${location}`);
    return placedTensor({ name, shape, codec, file: other, start });
  }
  if (raw !== undefined) {
    if (raw.to - raw.from !== length) throw refuse('has numbers that do not fit its shape');
    return placedTensor({ name, shape, codec, file, start: raw.from });
  }
  const list = varints;
  if (list === undefined && length > 0) throw refuse('has no numbers');
  return computedTensor({ name, shape, dtype: type }, async () => {
    const numbers = list === undefined ? [] : await buffer.numbers(list);
    if (numbers.length !== sizeOf(shape)) throw refuse('has numbers that do not fit its shape');
    return Float64Array.from(numbers);
  });
}

async function readEntry(buffer: ProtobufFile, { from, to }: Field) {
  let [key, value] = ['', ''];
  for await (const field of buffer.fields(from, to)) {
    if (field.id === ids.entry.key) key = await buffer.text(field);
    if (field.id === ids.entry.value) value = await buffer.text(field);
  }
  return [key, key === 'location' ? fileName(value) : value] as const;
}
