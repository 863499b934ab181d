import { describe, expect, it } from 'vitest';
import { doubles } from '../../formats/test-support.ts';
import { memoryFile } from '../files.ts';
import { readPytorch } from './pytorch.ts';
import {
  ascii,
  joined,
  legacyTorch,
  pickle,
  pickledCall,
  pickledMap,
  pickledName,
  pickledTensor,
  pickledText,
  singlesOf,
  zippedTorch,
} from './test-support.ts';

const six = singlesOf([1, 2, 3, 4, 5, 6]);

/** A matrix, its transpose, its second column and a tied copy, all in one storage; and an f64 vector. */
const object = pickledMap({
  matrix: pickledTensor({ key: '0', count: 6, shape: [2, 3], strides: [3, 1] }),
  turned: pickledTensor({ key: '0', count: 6, shape: [3, 2], strides: [1, 3] }),
  column: pickledTensor({ key: '0', count: 6, shape: [2], strides: [3], offset: 1 }),
  tied: pickledTensor({ key: '0', count: 6, shape: [2, 3], strides: [3, 1] }),
  inner: pickledMap({
    vector: pickledTensor({
      key: '1',
      count: 2,
      shape: [2],
      strides: [1],
      storageType: 'DoubleStorage',
    }),
  }),
});

const zipped = zippedTorch(object, { 0: six, 1: doubles(7, 1 / 3) });
const legacy = legacyTorch(object, {
  0: { count: 6, bytes: six },
  1: { count: 2, bytes: doubles(7, 1 / 3) },
});

const open = (bytes: Uint8Array) => readPytorch(memoryFile('x.bin', bytes));

describe.each([
  ['as .zip', zipped],
  ['as deflated .zip', zippedTorch(object, { 0: six, 1: doubles(7, 1 / 3) }, 9)],
  ['in the older form', legacy],
])('%s', (_, bytes) => {
  it('reads views, strides, offsets, tied tensors and dictionaries in dictionaries', async () => {
    const tensors = new Map((await open(bytes)).map((tensor) => [tensor.name, tensor]));
    const numbers = async (name: string) => [...((await tensors.get(name)?.read()) ?? [])];
    expect([...tensors.keys()]).toEqual(['matrix', 'turned', 'column', 'tied', 'inner.vector']);
    expect(tensors.get('turned')).toMatchObject({ shape: [3, 2], dtype: 'float32' });
    expect(await numbers('matrix')).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await numbers('turned')).toEqual([1, 4, 2, 5, 3, 6]);
    expect(await numbers('column')).toEqual([2, 5]);
    expect(await numbers('tied')).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await numbers('inner.vector')).toEqual([7, 1 / 3]);
    expect([...((await tensors.get('turned')?.readRows(1, 3)) ?? [])]).toEqual([2, 5, 3, 6]);
    expect([...((await tensors.get('matrix')?.readRows(1, 2)) ?? [])]).toEqual([4, 5, 6]);
  });
});

describe('code in a pickle is named and never run', () => {
  const system = pickledCall(pickledName('posix', 'system'), pickledText('touch /tmp/broken'));
  const inherited = pickledCall(pickledName('torch', 'constructor'));
  it.each([
    ['os.system in a .zip', zippedTorch(pickledMap({ a: system }), {}), 'posix.system'],
    ['os.system in the older form', legacyTorch(system, {}), 'posix.system'],
    ['at the very beginning', pickle(system), 'posix.system'],
    ['in protocol 0', ascii("cos\nsystem\n(S'touch x'\ntR."), 'os.system'],
    ['by INST', ascii("(S'touch x'\nios\nsystem\n."), 'os.system'],
    ['by OBJ', joined(ascii('(cos\nsystem\nS'), ascii("'touch x'\no.")), 'os.system'],
    [
      'by STACK_GLOBAL',
      pickle(pickledText('builtins'), pickledText('exec'), Uint8Array.of(0x93), ascii(')R')),
      'builtins.exec',
    ],
    ['a name that objects inherit', zippedTorch(inherited, {}), 'torch.constructor'],
    ['an object of its own', zippedTorch(pickledCall(pickledName('x', 'Y')), {}), 'x.Y'],
  ])('%s', async (_, bytes, name) => {
    await expect(open(bytes)).rejects.toThrow(`it asks Python to call ${name}`);
  });
});

describe('what is unsound is refused', () => {
  const tensor = (changes: object) =>
    pickledTensor({ key: '0', count: 6, shape: [6], strides: [1], ...changes });
  const one = (changes: object) => zippedTorch(pickledMap({ a: tensor(changes) }), { 0: six });
  it.each([
    ['a shape larger than its storage', one({ shape: [7] }), '"a" reaches beyond its storage'],
    ['an offset behind it', one({ offset: 1 }), '"a" reaches beyond'],
    ['strides beyond it', one({ shape: [3], strides: [3] }), '"a" reaches beyond'],
    ['a repeated number', one({ shape: [2 ** 30], strides: [0] }), '"a" reaches beyond'],
    ['a negative stride', one({ strides: [-1] }), 'a tensor that is none'],
    ['strides of another rank', one({ strides: [1, 1] }), 'a tensor that is none'],
    ['a missing storage', one({ key: '1' }), '"archive/data/1" is missing'],
    ['an unknown type', one({ storageType: 'QInt8Storage' }), 'type torch.QInt8Storage, unknown'],
    ['a cut .zip', zipped.subarray(0, 300), 'it is no .zip archive, or was cut off'],
    ['a cut older form', legacy.subarray(0, legacy.length - 4), 'it was cut off'],
    ['a cut pickle', legacy.subarray(0, 200), 'it was cut off'],
    ['no pickle', ascii('<html>no model here</html>'), 'unknown instruction "<"'],
    ['a pickle of something else', pickle(ascii('}')), 'it does not begin as torch.save'],
  ])('%s', async (_, bytes, sentence) => {
    await expect(open(bytes)).rejects.toThrow(sentence);
  });

  it('a storage that says it is longer than the file', async () => {
    const bytes = legacyTorch(object, {
      0: { count: 2 ** 40, bytes: six },
      1: { count: 2, bytes: doubles(7, 8) },
    });
    await expect(open(bytes)).rejects.toThrow('it was cut off');
  });

  it('a deflated storage that says it is longer than it is, and one that is a bomb', async () => {
    const bytes = zippedTorch(pickledMap({ a: tensor({}) }), { 0: new Uint8Array(1e6) }, 9);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at + 4 <= bytes.length; at++) {
      if (view.getUint32(at, true) === 1e6) view.setUint32(at, 2e9, true);
    }
    await expect(open(bytes)).rejects.toThrow('it is deflated and has 2000000000 bytes');
  });

  it('a dictionary that holds itself ends, one too deep is refused', async () => {
    const itself = joined(ascii('}q\x00'), pickledText('a'), ascii('h\x00s'));
    expect(await open(zippedTorch(itself, {}))).toEqual([]);
    const deep = Array.from({ length: 100 }).reduce<Uint8Array>(
      (inner) => pickledMap({ a: inner }),
      tensor({}),
    );
    await expect(open(zippedTorch(deep, { 0: six }))).rejects.toThrow('nested deeper');
  });
});

it('reads a description longer than the first portion', async () => {
  const names = Array.from({ length: 800 }, (_, i) => `layer.${i}.${'x'.repeat(100)}`);
  const entry = pickledTensor({ key: '0', count: 6, shape: [6], strides: [1] });
  const many = pickledMap(Object.fromEntries(names.map((name) => [name, entry])));
  expect(many.length).toBeGreaterThan(2 ** 16);
  expect(await open(legacyTorch(many, { 0: { count: 6, bytes: six } }))).toHaveLength(800);
});
