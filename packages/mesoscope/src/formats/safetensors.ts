import { isObject } from '../configuration/tree.ts';
import { MesoscopeError, preview, shortened } from '../errors.ts';
import {
  inputBudget,
  mostAxes,
  type NumberArray,
  type NumberType,
  type ReadOptions,
  readNumbers,
  sizeOf,
  storages,
} from './arrays.ts';
import { parseJson } from './json.ts';

const types: Readonly<Record<string, NumberType>> = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I64: 'int64',
  U64: 'uint64',
  I32: 'int32',
  U32: 'uint32',
  I16: 'int16',
  U16: 'uint16',
  I8: 'int8',
  U8: 'uint8',
  BOOL: 'bool',
};

/** One tensor as the header describes it, checked. */
export interface TensorPlace {
  readonly name: string;
  readonly type: NumberType;
  readonly shape: readonly number[];
  /** Bytes of the file before its first number. */
  readonly start: number;
}

/** Bytes of a safetensors file that say how long its header is. */
export const safetensorsLead = 8;

/**
 * Where the data of a safetensors file begin, by its first eight bytes.
 *
 * @param size - of the whole file, in bytes
 * @throws MesoscopeError `file`
 */
export function safetensorsDataStart(lead: Uint8Array, size: number, path: string): number {
  const refuse = refuser(path);
  if (size < safetensorsLead) throw refuse('it is too short for safetensors');
  const view = new DataView(lead.buffer, lead.byteOffset, lead.byteLength);
  const start = safetensorsLead + Number(view.getBigUint64(0, true));
  if (start > size) throw refuse('its header is longer than the file');
  return start;
}

/**
 * Reads the header of a safetensors file, JSON `{name: {dtype, shape, data_offsets}}` between its first eight bytes and
 * its data. The tensors must fill the rest of the file, without gap or overlap.
 *
 * @param beginning - the file up to its data, or more of it
 * @param size - of the whole file, in bytes
 * @throws MesoscopeError `file`, naming the tensor; `too-large`
 */
export function readSafetensorsHeader(
  beginning: Uint8Array,
  size: number,
  path: string,
  options: ReadOptions = {},
): TensorPlace[] {
  const refuse = refuser(path);
  const start = safetensorsDataStart(beginning, size, path);
  const headerBytes = beginning.subarray(safetensorsLead, start);
  const header = parseJson(headerBytes, `${path}, header`, options);
  if (!isObject(header)) {
    throw refuse(`its header is no object of tensors but ${preview(header)}`);
  }
  const spend = inputBudget(path, options);
  const dataLength = size - start;
  const spans = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => {
      const quoted = `tensor "${shortened(name)}"`;
      const { dtype, shape, data_offsets: offsets } = isObject(entry) ? entry : {};
      if (typeof dtype !== 'string' || !Object.hasOwn(types, dtype)) {
        throw refuse(`${quoted} has the type ${preview(dtype)}, which is unknown here`);
      }
      if (!isSizes(shape)) throw refuse(`${quoted} has no shape of whole numbers`);
      if (shape.length > mostAxes) {
        throw refuse(`${quoted} has ${shape.length} axes, more than ${mostAxes}`);
      }
      if (!isSizes(offsets) || offsets.length !== 2) {
        throw refuse(`${quoted} has no pair of offsets ≥ 0 (${preview(offsets)})`);
      }
      const type = types[dtype];
      const [from, to] = offsets;
      if (to > dataLength) throw refuse(`${quoted} ends after the file`);
      if (to - from !== sizeOf(shape) * storages[type].width) {
        throw refuse(
          `the data of ${quoted} does not fit its shape [${shape.join(', ')}] of ${dtype}`,
        );
      }
      spend(name, { type, shape });
      return { name, quoted, type, shape, from, to };
    })
    .sort((a, b) => a.from - b.from || a.to - b.to);
  let filled = 0;
  for (const { quoted, from, to } of spans) {
    if (from < filled) throw refuse(`${quoted} overlaps the one before it`);
    if (from > filled) throw refuse(`${from - filled} bytes before ${quoted} belong to no tensor`);
    filled = to;
  }
  if (filled < dataLength)
    throw refuse(`its last ${dataLength - filled} bytes belong to no tensor`);
  return spans.map(({ name, type, shape, from }) => ({ name, type, shape, start: start + from }));
}

/**
 * Reads every tensor of a safetensors file, as f64, in the order in which they are stored.
 *
 * @throws MesoscopeError `file`, naming the tensor; `too-large`, judged by the header alone
 */
export function decodeSafetensors(
  bytes: Uint8Array,
  path: string,
  options: ReadOptions = {},
): Record<string, NumberArray> {
  return Object.fromEntries(
    readSafetensorsHeader(bytes, bytes.length, path, options).map(
      ({ name, type, shape, start }) => {
        const data = readNumbers({ bytes, start, count: sizeOf(shape), type });
        if (data === undefined) {
          throw refuser(path)(`tensor "${shortened(name)}" holds whole numbers beyond 2^53`);
        }
        return [name, { shape, type, data }];
      },
    ),
  );
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function refuser(path: string): (reason: string) => MesoscopeError {
  const wayOut = 'Write it again with safetensors, or hand the arrays over as .npz or JSON.';
  return (reason) => new MesoscopeError({ code: 'file', path, reason, wayOut });
}
