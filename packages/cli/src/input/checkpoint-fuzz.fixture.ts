import { MesoscopeError } from 'mesoscope';
import { memoryFolder, openCheckpoint } from 'mesoscope/checkpoint';
import { randomStream } from 'mesoscope/numeric';
import {
  ggufBytes,
  ggufSetting,
  legacyTorch,
  onnxBytes,
  onnxNode,
  onnxTensor,
  pickledMap,
  pickledTensor,
  seededBytes,
  singlesOf,
  zippedTorch,
} from '../../../mesoscope/src/checkpoint/formats/test-support.ts';
import { doubles, safetensorsBytes } from '../../../mesoscope/src/formats/test-support.ts';

const six = singlesOf([1, 2, 3, 4, 5, 6]);
const object = pickledMap({
  a: pickledTensor({ key: '0', count: 6, shape: [2, 3], strides: [3, 1] }),
  b: pickledTensor({ key: '0', count: 6, shape: [3, 2], strides: [1, 3] }),
});
const { text, u32, texts } = ggufSetting;

/** A small sound file of every format. */
const sound: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  [
    'model.safetensors',
    safetensorsBytes(
      {
        a: { dtype: 'F64', shape: [1, 2], data_offsets: [0, 16] },
        b: { dtype: 'BF16', shape: [4], data_offsets: [16, 24] },
      },
      doubles(1, 2, 3),
    ),
  ],
  ['zipped.pt', zippedTorch(object, { 0: six })],
  ['deflated.pt', zippedTorch(object, { 0: six }, 9)],
  ['pytorch_model.bin', legacyTorch(object, { 0: { count: 6, bytes: six } })],
  [
    'model.gguf',
    ggufBytes(
      {
        'general.architecture': text('llama'),
        'llama.attention.head_count': u32(2),
        'tokenizer.ggml.tokens': texts(['a', 'b']),
      },
      [
        { name: 'blk.0.attn_q.weight', shape: [4, 32], type: 3, bytes: seededBytes(80) },
        { name: 'output.weight', shape: [256], type: 12, bytes: seededBytes(144) },
      ],
    ),
  ],
  [
    'model.onnx',
    onnxBytes(
      [
        onnxNode({ operator: 'Cast', inputs: ['q'], outputs: ['f'], wholes: { to: 1 } }),
        onnxNode({ operator: 'Mul', inputs: ['f', 's'], outputs: ['val_1'] }),
        onnxNode({ operator: 'MatMul', inputs: ['x', 'val_1'], outputs: ['p'] }),
        onnxNode({ operator: 'Add', inputs: ['p', 'l.query.bias'], outputs: ['y'] }),
        onnxNode({ operator: 'Reshape', inputs: ['y', 'shape'], outputs: ['z'] }),
      ],
      [
        onnxTensor('q', [2, 3], 3, seededBytes(6)),
        onnxTensor('s', [3], 1, singlesOf([1, 2, 3])),
        onnxTensor('l.query.bias', [3], 1, singlesOf([1, 2, 3])),
        onnxTensor('shape', [2], 7, seededBytes(16)),
      ],
    ),
  ],
];

/** What became of broken files. */
export interface FuzzReport {
  /** Files that ended in something else than a sentence. */
  readonly faults: readonly string[];
  /** Files that were read to the end all the same. */
  readonly accepted: number;
}

/** Breaks sound files in a few bytes, cuts them, or repeats a part, and reads all that they say they hold. */
export async function fuzzCheckpoints(seed: number, count: number): Promise<FuzzReport> {
  const random = randomStream(seed, 'fuzz of checkpoints');
  const choose = (bound: number) => random.integer(bound);
  const faults: string[] = [];
  let accepted = 0;
  for (let trial = 0; trial < count; trial++) {
    const [name, original] = sound[trial % sound.length];
    const bytes = broken(original, choose);
    try {
      const checkpoint = await openCheckpoint(memoryFolder('m', { [name]: bytes }));
      for (const tensor of checkpoint.tensors.values()) await tensor.read();
      accepted++;
    } catch (cause) {
      if (cause instanceof MesoscopeError) continue;
      faults.push(`seed ${seed}, trial ${trial}, ${name}: ${String(cause)}`);
    }
  }
  return { faults, accepted };
}

function broken(original: Uint8Array, choose: (bound: number) => number): Uint8Array {
  const bytes = original.slice();
  const at = choose(bytes.length);
  switch (choose(4)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      bytes.copyWithin(at, choose(bytes.length), choose(bytes.length));
      return bytes;
    case 2:
      bytes.fill([0, 255, 127][choose(3)], at, at + 1 + choose(8));
      return bytes;
    default:
      for (let change = 0; change <= choose(4); change++) {
        bytes[choose(bytes.length)] = choose(256);
      }
      return bytes;
  }
}
