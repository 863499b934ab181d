import { zipOf } from '../../formats/test-support.ts';

/** Bytes one after the other. */
export function joined(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

export function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A whole number in so many bytes, little-endian. */
export function whole(value: number, width: 1 | 2 | 4 | 8): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, BigInt(value), true);
  return bytes.subarray(0, width);
}

export function singlesOf(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

/** Bytes of a seeded generator (Numerical Recipes' linear congruence), the same in any language. */
export function seededBytes(count: number, seed = 7): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

// Pickles, by the instructions of Python's pickletools.

const none = ascii('N');
const emptyTuple = ascii(')');

export function pickledText(text: string): Uint8Array {
  const bytes = ascii(text);
  return joined(ascii('X'), whole(bytes.length, 4), bytes);
}

export function pickledWhole(value: number): Uint8Array {
  return joined(ascii('J'), whole(value, 4));
}

export function pickledName(module: string, name: string): Uint8Array {
  return ascii(`c${module}\n${name}\n`);
}

export function pickledTuple(...entries: readonly Uint8Array[]): Uint8Array {
  return joined(ascii('('), ...entries, ascii('t'));
}

export function pickledCall(callee: Uint8Array, ...values: readonly Uint8Array[]): Uint8Array {
  return joined(callee, pickledTuple(...values), ascii('R'));
}

export function pickledMap(entries: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const items = Object.entries(entries).map(([key, value]) => joined(pickledText(key), value));
  const map = joined(pickledName('collections', 'OrderedDict'), emptyTuple, ascii('R'));
  return joined(map, ascii('('), ...items, ascii('u'));
}

/** A whole pickle of protocol 2. */
export function pickle(...instructions: readonly Uint8Array[]): Uint8Array {
  return joined([0x80, 2], ...instructions, ascii('.'));
}

/** A tensor as `torch.save` describes it. */
export interface PickledTensor {
  readonly key: string;
  /** Numbers of its storage. */
  readonly count: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** Default 0. */
  readonly offset?: number;
  /** Default `FloatStorage`. */
  readonly storageType?: string;
}

export function pickledTensor(tensor: PickledTensor): Uint8Array {
  const { key, count, shape, strides, offset = 0, storageType = 'FloatStorage' } = tensor;
  const storage = pickledTuple(
    pickledText('storage'),
    pickledName('torch', storageType),
    pickledText(key),
    pickledText('cpu'),
    pickledWhole(count),
    none,
  );
  const hooks = joined(pickledName('collections', 'OrderedDict'), emptyTuple, ascii('R'));
  return pickledCall(
    pickledName('torch._utils', '_rebuild_tensor_v2'),
    joined(storage, ascii('Q')),
    pickledWhole(offset),
    pickledTuple(...shape.map(pickledWhole)),
    pickledTuple(...strides.map(pickledWhole)),
    Uint8Array.of(0x89),
    hooks,
  );
}

/** A file of `torch.save` in its form as .zip. */
export function zippedTorch(
  object: Uint8Array,
  storages: Readonly<Record<string, Uint8Array>>,
  level: 0 | 9 = 0,
): Uint8Array {
  const data = Object.entries(storages).map(([key, bytes]) => [`archive/data/${key}`, bytes]);
  return zipOf({ 'archive/data.pkl': pickle(object), ...Object.fromEntries(data) }, level);
}

/** A file of `torch.save` in its older form. */
export function legacyTorch(
  object: Uint8Array,
  storages: Readonly<Record<string, { readonly count: number; readonly bytes: Uint8Array }>>,
): Uint8Array {
  const magic = [0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
  const keys = Object.keys(storages).map(pickledText);
  const data = Object.values(storages).map(({ count, bytes }) => joined(whole(count, 8), bytes));
  return joined(
    pickle(Uint8Array.from(magic)),
    pickle(pickledWhole(1001)),
    pickle(ascii('}')),
    pickle(object),
    pickle(ascii(']('), ...keys, ascii('e')),
    ...data,
  );
}

// GGUF.

/** A setting of GGUF: the number of its type and its bytes. */
export interface GgufSetting {
  readonly type: number;
  readonly bytes: Uint8Array;
}

const ggufText = (text: string) => joined(whole(ascii(text).length, 8), ascii(text));

export const ggufSetting = {
  u32: (value: number): GgufSetting => ({ type: 4, bytes: whole(value, 4) }),
  f32: (value: number): GgufSetting => ({ type: 6, bytes: singlesOf([value]) }),
  flag: (value: boolean): GgufSetting => ({ type: 7, bytes: Uint8Array.of(value ? 1 : 0) }),
  text: (value: string): GgufSetting => ({ type: 8, bytes: ggufText(value) }),
  texts: (values: readonly string[]): GgufSetting => ({
    type: 9,
    bytes: joined(whole(8, 4), whole(values.length, 8), ...values.map(ggufText)),
  }),
  wholes: (values: readonly number[]): GgufSetting => ({
    type: 9,
    bytes: joined(whole(5, 4), whole(values.length, 8), ...values.map((n) => whole(n, 4))),
  }),
};

/** A GGUF file; shapes are those of PyTorch. */
export function ggufBytes(
  settings: Readonly<Record<string, GgufSetting>>,
  tensors: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly type: number;
    readonly bytes: Uint8Array;
  }[],
  version = 3,
): Uint8Array {
  const alignment = 32;
  const padding = (length: number) =>
    new Uint8Array((alignment - (length % alignment)) % alignment);
  let offset = 0;
  const infos = tensors.map(({ name, shape, type, bytes }) => {
    const sizes = [...shape].reverse().map((n) => whole(n, 8));
    const at = whole(offset, 8);
    offset += bytes.length + padding(bytes.length).length;
    return joined(ggufText(name), whole(shape.length, 4), ...sizes, whole(type, 4), at);
  });
  const entries = Object.entries(settings);
  const header = joined(
    ascii('GGUF'),
    whole(version, 4),
    whole(tensors.length, 8),
    whole(entries.length, 8),
    ...entries.map(([key, { type, bytes }]) => joined(ggufText(key), whole(type, 4), bytes)),
    ...infos,
  );
  const data = tensors.map(({ bytes }) => joined(bytes, padding(bytes.length)));
  return joined(header, padding(header.length), ...data);
}

// ONNX, in the wire format of protocol buffers.

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}

export function messageField(id: number, bytes: Uint8Array): Uint8Array {
  return joined(varint(8 * id + 2), varint(bytes.length), bytes);
}

export function wholeField(id: number, value: number): Uint8Array {
  return joined(varint(8 * id), varint(value));
}

/** An initialiser; `data` are raw bytes, or fields in place of them. */
export function onnxTensor(
  name: string,
  shape: readonly number[],
  type: number,
  data: Uint8Array | { readonly fields: Uint8Array },
): Uint8Array {
  return joined(
    ...shape.map((n) => wholeField(1, n)),
    wholeField(2, type),
    messageField(8, ascii(name)),
    'fields' in data ? data.fields : messageField(9, data),
  );
}

export function onnxNode(node: {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly name?: string;
  readonly domain?: string;
  readonly wholes?: Readonly<Record<string, number | readonly number[]>>;
  readonly floats?: Readonly<Record<string, number>>;
}): Uint8Array {
  const { operator, inputs, outputs, name = '', domain = '', wholes = {}, floats = {} } = node;
  const named = (key: string) => messageField(1, ascii(key));
  return joined(
    ...inputs.map((input) => messageField(1, ascii(input))),
    ...outputs.map((output) => messageField(2, ascii(output))),
    messageField(3, ascii(name)),
    messageField(4, ascii(operator)),
    ...Object.entries(wholes).map(([key, value]) => {
      const content = [value].flat().map((n) => wholeField(Array.isArray(value) ? 8 : 3, n));
      return messageField(5, joined(named(key), ...content));
    }),
    ...Object.entries(floats).map(([key, value]) =>
      messageField(5, joined(named(key), varint(8 * 2 + 5), singlesOf([value]))),
    ),
    messageField(7, ascii(domain)),
  );
}

export function onnxBytes(
  nodes: readonly Uint8Array[],
  initializers: readonly Uint8Array[],
): Uint8Array {
  const graph = joined(
    ...nodes.map((node) => messageField(1, node)),
    ...initializers.map((tensor) => messageField(5, tensor)),
  );
  return joined(wholeField(1, 8), messageField(7, graph));
}
