import { preview } from '../../errors.ts';
import { unreadable } from '../refusal.ts';
import type { Cursor } from './prefix.ts';

/** A function or class of Python that a pickle names; it exists here by its name alone. */
export class PythonName {
  /** `collections.OrderedDict`. */
  readonly name: string;

  constructor(module: string, name: string) {
    this.name = `${module}.${name}`;
  }
}

/** What a pickle may ask for besides plain values. */
export interface PickleWorld {
  /** Our own functions in place of those of Python, by their names; no other can be called. */
  readonly calls: ReadonlyMap<string, (...values: readonly unknown[]) => unknown>;
  /** The object behind a persistent id. */
  persistent(id: unknown): unknown;
}

/**
 * Reads one pickle (protocols 0 to 5, Python's `pickletools`) without running any of it: lists and tuples become
 * arrays, dictionaries maps, names {@link PythonName}. A pickle is a program for a small machine; of its instructions
 * those that call Python are answered by `world.calls`, or refused with the name of what they would have called.
 *
 * @throws MesoscopeError `file`
 */
export function unpickle(cursor: Cursor, path: string, world: PickleWorld): unknown {
  const stack: unknown[] = [];
  const marks: number[] = [];
  const memo = new Map<number, unknown>();
  const pop = (): unknown => {
    if (stack.length === 0) throw unreadable(path, 'its pickle takes more than it has');
    return stack.pop();
  };
  const popToMark = () => stack.splice(marks.pop() ?? 0);
  const line = () => {
    let text = '';
    for (let byte = cursor.u8(); byte !== newline; byte = cursor.u8()) {
      text += String.fromCharCode(byte);
    }
    return text;
  };
  const utf8 = (length: number) => new TextDecoder().decode(cursor.take(length));
  const latin = (length: number) => new TextDecoder('latin1').decode(cursor.take(length));
  const call = (callee: unknown, values: unknown): unknown => {
    const name = callee instanceof PythonName ? callee.name : preview(callee);
    const known = world.calls.get(name);
    if (known !== undefined && Array.isArray(values)) return known(...values);
    throw unreadable(
      path,
      `it asks Python to call ${name}, which plain tensors never need; nothing of it was run`,
      'Save the tensors alone, by torch.save(model.state_dict(), …) or as safetensors.',
    );
  };
  const put = (index: number) => memo.set(index, stack.at(-1));
  const get = (index: number) => {
    if (!memo.has(index)) throw unreadable(path, 'its pickle repeats what it never had');
    stack.push(memo.get(index));
  };
  const setItems = (items: readonly unknown[]) => {
    const map = stack.at(-1);
    if (!(map instanceof Map)) throw unreadable(path, 'its pickle fills what is no dictionary');
    for (let i = 0; i + 1 < items.length; i += 2) map.set(items[i], items[i + 1]);
  };
  const append = (items: readonly unknown[]) => {
    const list = stack.at(-1);
    if (!Array.isArray(list)) throw unreadable(path, 'its pickle fills what is no list');
    for (const item of items) list.push(item);
  };
  const dictionary = (items: readonly unknown[]) => {
    stack.push(new Map());
    setItems(items);
  };
  const callTop = () => {
    const values = pop();
    stack.push(call(pop(), values));
  };
  const lastOf = (count: number) => stack.push(stack.splice(Math.max(0, stack.length - count)));

  /** The instructions by their names in pickletools. */
  const instructions: Readonly<Record<string, () => unknown>> = {
    '\x80': () => cursor.u8(), // PROTO
    '\x95': () => cursor.u64(), // FRAME
    '(': () => marks.push(stack.length), // MARK
    '0': pop,
    '1': popToMark,
    '2': () => stack.push(stack.at(-1)), // DUP
    N: () => stack.push(null),
    '\x88': () => stack.push(true),
    '\x89': () => stack.push(false),
    I: () => stack.push(numberOf(line())),
    L: () => stack.push(Number(line().replace(/L$/, ''))),
    F: () => stack.push(Number(line())),
    J: () => stack.push(cursor.i32()),
    K: () => stack.push(cursor.u8()),
    M: () => stack.push(cursor.u16()),
    '\x8a': () => stack.push(wholeNumber(cursor.take(cursor.u8()))), // LONG1
    G: () => stack.push(bigEndianDouble(cursor.take(8))),
    S: () => stack.push(line().replace(/^(['"])(.*)\1$/s, '$2')),
    V: () => stack.push(line()),
    X: () => stack.push(utf8(cursor.u32())),
    '\x8c': () => stack.push(utf8(cursor.u8())),
    '\x8d': () => stack.push(utf8(cursor.u64())),
    T: () => stack.push(latin(cursor.u32())),
    U: () => stack.push(latin(cursor.u8())),
    B: () => stack.push(cursor.take(cursor.u32())),
    C: () => stack.push(cursor.take(cursor.u8())),
    '\x8e': () => stack.push(cursor.take(cursor.u64())),
    ')': () => stack.push([]),
    ']': () => stack.push([]),
    t: () => stack.push(popToMark()),
    l: () => stack.push(popToMark()),
    '\x85': () => lastOf(1),
    '\x86': () => lastOf(2),
    '\x87': () => lastOf(3),
    a: () => append([pop()]),
    e: () => append(popToMark()),
    '}': () => dictionary([]),
    d: () => dictionary(popToMark()),
    s: () => {
      const value = pop();
      setItems([pop(), value]);
    },
    u: () => setItems(popToMark()),
    '\x8f': () => stack.push([]), // EMPTY_SET
    '\x90': () => append(popToMark()), // ADDITEMS
    '\x91': () => stack.push(popToMark()), // FROZENSET
    p: () => put(Number(line())),
    q: () => put(cursor.u8()),
    r: () => put(cursor.u32()),
    '\x94': () => put(memo.size), // MEMOIZE
    g: () => get(Number(line())),
    h: () => get(cursor.u8()),
    j: () => get(cursor.u32()),
    c: () => stack.push(new PythonName(line(), line())),
    '\x93': () => {
      const name = String(pop());
      stack.push(new PythonName(String(pop()), name));
    },
    P: () => stack.push(world.persistent(line())),
    Q: () => stack.push(world.persistent(pop())),
    R: callTop,
    '\x81': callTop, // NEWOBJ
    '\x92': () => {
      pop(); // NEWOBJ_EX: its named values
      callTop();
    },
    i: () => {
      const name = new PythonName(line(), line());
      stack.push(call(name, popToMark()));
    },
    o: () => {
      const [callee, ...values] = popToMark();
      stack.push(call(callee, values));
    },
    // State laid on an object: attributes of a dictionary (`_metadata`), which are no tensors.
    b: pop,
  };
  for (;;) {
    const code = String.fromCharCode(cursor.u8());
    if (code === stop) return pop();
    if (!Object.hasOwn(instructions, code)) {
      throw unreadable(path, `its pickle holds the unknown instruction ${preview(code)}`);
    }
    instructions[code]();
  }
}

const stop = '.';
const newline = 10;

/** Protocol 0 writes booleans as numbers. */
function numberOf(text: string): number | boolean {
  return text === '01' || text === '00' ? text === '01' : Number(text);
}

/** Two's complement, little-endian. */
function wholeNumber(bytes: Uint8Array): number {
  let value = 0n;
  bytes.forEach((byte, i) => {
    value |= BigInt(byte) << BigInt(8 * i);
  });
  return Number(BigInt.asIntN(8 * bytes.length, value));
}

function bigEndianDouble(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0);
}
