import type { RandomAccess } from '../../files.ts';
import { unreadable } from '../../refusal.ts';

/** One field of a message: a number, or bytes `from` ≤ i < `to` of the file. */
export interface Field {
  /** Which field of the message it is. */
  readonly id: number;
  /** A varint; 0 for other fields. */
  readonly value: number;
  readonly from: number;
  readonly to: number;
}

/** Bytes of a file that are read at once. */
const windowBytes = 2 ** 16;

/** Reads the fields of messages where they stand in a file, and never the content of those that are passed over. */
export interface ProtobufFile {
  /** The fields of the message between two bytes. */
  fields(from: number, to: number): AsyncGenerator<Field>;
  bytes(from: number, to: number): Promise<Uint8Array>;
  text(field: Field): Promise<string>;
  /** Whole numbers of a repeated field: one, or packed together. */
  numbers(field: Field): Promise<number[]>;
}

/** Bytes of a text or list of numbers in a message. */
const longestField = 2 ** 26;

/**
 * A file in the wire format of protocol buffers (protobuf.dev, "Encoding").
 *
 * @throws MesoscopeError `file` from its functions where a message is damaged
 */
export function openProtobuf(file: RandomAccess): ProtobufFile {
  let window: Uint8Array = new Uint8Array();
  let windowStart = 0;

  const bytes = async (from: number, to: number): Promise<Uint8Array> => {
    if (to > file.size) throw unreadable(file.path, 'it was cut off');
    if (to - from > longestField) throw unreadable(file.path, 'a field of it is too long');
    if (from < windowStart || to > windowStart + window.length) {
      windowStart = from;
      window = await file.read(from, Math.min(file.size, Math.max(to, from + windowBytes)));
    }
    return window.subarray(from - windowStart, to - windowStart);
  };

  async function* fields(from: number, to: number): AsyncGenerator<Field> {
    for (let at = from; at < to; ) {
      const lead = await bytes(at, Math.min(at + 2 * longestVarint, to));
      const key = varint(lead, 0);
      const wire = key.value % 8;
      const start = at + key.end;
      const id = Math.floor(key.value / 8);
      const second = wire === 0 || wire === 2 ? varint(lead, key.end) : { value: 0, end: key.end };
      const end = at + second.end;
      const field =
        wire === 0
          ? { id, value: second.value, from: start, to: end }
          : { id, value: 0, from: end, to: end + lengthOf(wire, second.value) };
      if (!(field.to <= to)) throw damaged();
      yield field;
      at = field.to;
    }
  }

  const lengthOf = (wire: number, announced: number): number => {
    const length = { 1: 8, 2: announced, 5: 4 }[wire];
    if (length === undefined || length < 0) throw damaged();
    return length;
  };

  const varint = (lead: Uint8Array, from: number) => {
    const read = readVarint(lead, from);
    if (read === undefined) throw damaged();
    return read;
  };

  const damaged = () => unreadable(file.path, 'it is no ONNX file, or damaged');

  return {
    fields,
    bytes,
    text: async (field) => new TextDecoder().decode(await bytes(field.from, field.to)),
    async numbers(field) {
      const packed = await bytes(field.from, field.to);
      const list: number[] = [];
      for (let at = 0; at < packed.length; ) {
        const { value, end } = varint(packed, at);
        list.push(value);
        at = end;
      }
      return list;
    },
  };
}

/** Bytes of a varint at the most. */
const longestVarint = 10;

/** A whole number of seven bits a byte, lowest first; undefined where it does not end. */
function readVarint(
  bytes: Uint8Array,
  from: number,
): { readonly value: number; readonly end: number } | undefined {
  let bits = 0n;
  for (let i = 0; i < longestVarint && from + i < bytes.length; i++) {
    const byte = bytes[from + i];
    bits |= BigInt(byte & 127) << BigInt(7 * i);
    if (byte < 128) return { value: Number(BigInt.asIntN(64, bits)), end: from + i + 1 };
  }
  return undefined;
}
