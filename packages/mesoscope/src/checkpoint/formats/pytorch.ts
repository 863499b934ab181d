import { mostLevels } from '../../configuration/tree.ts';
import { preview, shortened } from '../../errors.ts';
import { mostAxes, type NumberType, sizeOf, storages } from '../../formats/arrays.ts';
import { partOf, type RandomAccess } from '../files.ts';
import { unreadable } from '../refusal.ts';
import { computedTensor, placedTensor, type Tensor } from '../tensor.ts';
import { type Numbers, plainCodec } from './codec.ts';
import { type PickleWorld, PythonName, unpickle } from './pickle.ts';
import { cursorOver, readPrefix } from './prefix.ts';
import { openZip, openZipFile } from './zip-file.ts';

const storageTypes: Readonly<Record<string, NumberType>> = {
  'torch.DoubleStorage': 'float64',
  'torch.FloatStorage': 'float32',
  'torch.HalfStorage': 'float16',
  'torch.BFloat16Storage': 'bfloat16',
  'torch.LongStorage': 'int64',
  'torch.IntStorage': 'int32',
  'torch.ShortStorage': 'int16',
  'torch.CharStorage': 'int8',
  'torch.ByteStorage': 'uint8',
  'torch.BoolStorage': 'bool',
};

/** Numbers that tensors share: those with this key, from `offset` on. */
class Storage {
  readonly type: NumberType;
  readonly key: string;
  readonly offset: number;

  constructor(type: NumberType, key: string, offset: number) {
    this.type = type;
    this.key = key;
    this.offset = offset;
  }
}

/** A tensor as PyTorch describes it: entry i, j, … is number offset + i·stride₀ + j·stride₁ + … of its storage. */
class StridedTensor {
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor(
    storage: Storage,
    offset: number,
    shape: readonly number[],
    strides: readonly number[],
  ) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

/**
 * The tensors of a file by `torch.save`, in its form as .zip (since PyTorch 1.6) or the older one. Its pickle is read and
 * never run. Dictionaries in dictionaries give names with points.
 *
 * @throws MesoscopeError `file`, also for a pickle that would call anything but what makes tensors
 */
export async function readPytorch(file: RandomAccess): Promise<Tensor[]> {
  const [first, second] = await file.read(0, Math.min(2, file.size));
  return first === 0x50 && second === 0x4b ? readZipped(file) : readLegacy(file);
}

async function readZipped(archive: RandomAccess): Promise<Tensor[]> {
  const { path } = archive;
  const entries = await openZip(archive);
  const pickle = [...entries.values()].find(({ name }) => /(^|\/)data\.pkl$/.test(name));
  if (pickle === undefined) throw unreadable(path, 'it holds no data.pkl');
  const folder = pickle.name.slice(0, -'data.pkl'.length);
  const open = async (name: string): Promise<RandomAccess> => {
    const place = entries.get(folder + name);
    if (place === undefined) throw unreadable(path, `"${folder}${name}" is missing in it`);
    return openZipFile(archive, place);
  };
  if (entries.has(`${folder}byteorder`)) {
    const order = await open('byteorder');
    const text = new TextDecoder().decode(await order.read(0, Math.min(16, order.size)));
    if (text !== 'little') throw unreadable(path, `its byte order is ${preview(text)}`);
  }
  const pickleFile = await open('data.pkl');
  const { value } = await readPrefix(pickleFile, (cursor) => unpickle(cursor, path, torch(path)));
  const tensors = namedTensors(value, path);
  const keys = new Set([...tensors.values()].map(({ storage }) => storage.key));
  const files = new Map<string, RandomAccess>();
  for (const key of keys) files.set(key, await open(`data/${key}`));
  return placeTensors(tensors, files, path);
}

/** What the older form begins with, and its version. */
const legacyMagic = Number(0x1950a86a20f9469cfc6cn);
const legacyVersion = 1001;

/** Pickles one after the other: a magic number, a version, the system, the object, its storages' keys; then the storages. */
async function readLegacy(file: RandomAccess): Promise<Tensor[]> {
  const { path } = file;
  const { value, end } = await readPrefix(file, (cursor) => {
    const next = () => unpickle(cursor, path, torch(path));
    if (next() !== legacyMagic) throw unreadable(path, 'it does not begin as torch.save writes');
    const version = next();
    if (version !== legacyVersion) {
      throw unreadable(path, `its version is ${preview(version)}, not ${legacyVersion}`);
    }
    const [, object, keys] = [next(), next(), next()];
    return { tensors: namedTensors(object, path), keys };
  });
  if (!Array.isArray(value.keys)) throw unreadable(path, 'the keys of its storages are missing');
  const types = new Map(
    [...value.tensors.values()].map(({ storage }) => [storage.key, storage.type]),
  );
  const files = new Map<string, RandomAccess>();
  let at = end;
  for (const key of value.keys.map(String)) {
    const type = types.get(key);
    if (type === undefined) throw unreadable(path, `its storage ${shortened(key)} has no tensor`);
    const start = at + 8;
    if (start > file.size) throw unreadable(path, 'it was cut off');
    const count = cursorOver(await file.read(at, start)).i64();
    at = start + count * storages[type].width;
    if (!(count >= 0 && at <= file.size)) throw unreadable(path, 'it was cut off');
    files.set(key, partOf(file, start, at));
  }
  return placeTensors(value.tensors, files, path);
}

/** What makes tensors, and nothing else, answered by our own functions. */
function torch(path: string): PickleWorld {
  const rebuild = (...values: readonly unknown[]) => {
    const [storage, offset, shape, strides] = values;
    const sound =
      storage instanceof Storage &&
      isSize(offset) &&
      isSizes(shape) &&
      isSizes(strides) &&
      shape.length === strides.length &&
      shape.length <= mostAxes;
    if (!sound) throw unreadable(path, `it holds a tensor that is none: ${preview(values)}`);
    return new StridedTensor(storage, storage.offset + offset, shape, strides);
  };
  return {
    calls: new Map<string, (...values: readonly unknown[]) => unknown>([
      ['torch._utils._rebuild_tensor', rebuild],
      ['torch._utils._rebuild_tensor_v2', rebuild],
      ['torch._utils._rebuild_parameter', (tensor) => tensor],
      ['torch._utils._rebuild_parameter_with_state', (tensor) => tensor],
      ['torch.Size', (sizes) => sizes],
      ['torch.device', (...name) => name.join(':')],
      ['collections.OrderedDict', (items) => new Map(isPairs(items) ? items : [])],
    ]),
    persistent(id) {
      const [kind, type, key, , count, view] = Array.isArray(id) ? id : [];
      const name = type instanceof PythonName ? type.name : preview(type);
      if (kind !== 'storage' || !isSize(count)) {
        throw unreadable(path, `it refers to ${preview(id)}, which is no storage of numbers`);
      }
      if (!Object.hasOwn(storageTypes, name)) {
        throw unreadable(path, `its numbers are of the type ${shortened(name)}, unknown here`);
      }
      const [, offset] = Array.isArray(view) ? view : [];
      const first = isSize(offset) ? offset : 0;
      return new Storage(storageTypes[name], String(key), first);
    },
  };
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every(isSize);
}

function isPairs(value: unknown): value is readonly (readonly [unknown, unknown])[] {
  return Array.isArray(value) && value.every((pair) => Array.isArray(pair) && pair.length === 2);
}

/** Every tensor in dictionaries and lists, by the keys that lead to it. */
function namedTensors(root: unknown, path: string): Map<string, StridedTensor> {
  const tensors = new Map<string, StridedTensor>();
  const visited = new Set<unknown>();
  const visit = (value: unknown, name: string, level: number) => {
    if (value instanceof StridedTensor) tensors.set(name, value);
    if (!(value instanceof Map || Array.isArray(value)) || visited.has(value)) return;
    if (level > mostLevels) throw unreadable(path, `it is nested deeper than ${mostLevels} levels`);
    visited.add(value);
    for (const [key, entry] of value.entries()) {
      visit(entry, name === '' ? String(key) : `${name}.${key}`, level + 1);
    }
  };
  visit(root, '', 0);
  return tensors;
}

/** Makes tensors of their descriptions. @throws MesoscopeError `file` for one that reaches beyond its storage */
function placeTensors(
  tensors: ReadonlyMap<string, StridedTensor>,
  files: ReadonlyMap<string, RandomAccess>,
  path: string,
): Tensor[] {
  return [...tensors].map(([name, tensor]) => {
    const { storage, offset, shape } = tensor;
    const file = files.get(storage.key);
    const codec = plainCodec(storage.type);
    const start = offset * codec.bytes;
    const span = spanOf(tensor);
    if (file === undefined || start + span * codec.bytes > file.size || sizeOf(shape) > span) {
      throw unreadable(path, `tensor "${shortened(name)}" reaches beyond its storage`);
    }
    if (isContiguous(tensor)) return placedTensor({ name, shape, codec, file, start });
    return computedTensor({ name, shape, dtype: codec.dtype }, async () => {
      const bytes = await file.read(start, start + span * codec.bytes);
      return gather(codec.decode(bytes, span), tensor);
    });
  });
}

/** Numbers of the storage from the first to the last of a tensor. */
function spanOf({ shape, strides }: StridedTensor): number {
  if (shape.includes(0)) return 0;
  return 1 + shape.reduce((sum, n, axis) => sum + (n - 1) * strides[axis], 0);
}

function isContiguous({ shape, strides }: StridedTensor): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis];
  }
  return true;
}

/** Row-major numbers of a tensor out of those from its first to its last. */
function gather(numbers: Numbers, { shape, strides }: StridedTensor): Numbers {
  const gathered = numbers.slice(0, sizeOf(shape));
  const index = shape.map(() => 0);
  for (let i = 0, at = 0; i < gathered.length; i++) {
    gathered[i] = numbers[at];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis];
      if (++index[axis] < shape[axis]) break;
      at -= shape[axis] * strides[axis];
      index[axis] = 0;
    }
  }
  return gathered;
}
