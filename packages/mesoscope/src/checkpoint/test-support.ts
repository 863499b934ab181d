import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Checkpoint } from './checkpoint.ts';
import { memoryFolder } from './files.ts';
import { openCheckpoint } from './open.ts';
import { decodeGoldenStates, type GoldenStates } from './parity.ts';
import type { Weights } from './weights.ts';

const folder = fileURLToPath(new URL('../../fixtures/checkpoints/', import.meta.url));

/** One small random model of every architecture, made by bench/peers/states.py with transformers. */
export const smallModels = readdirSync(folder).sort();

export function smallCheckpoint(name: string): Promise<Checkpoint> {
  const files = Object.fromEntries(
    ['config.json', 'model.safetensors'].map((file) => [file, fileOf(name, file)]),
  );
  return openCheckpoint(memoryFolder(name, files));
}

function fileOf(name: string, file: string): Uint8Array {
  return new Uint8Array(readFileSync(`${folder}${name}/${file}`));
}

export function goldenStates(name: string): GoldenStates {
  return decodeGoldenStates(fileOf(name, 'states.safetensors'), name);
}

/** Settings of config.json replaced. */
export function changedConfig(changes: Weights['config']) {
  return (weights: Weights): Weights => ({ ...weights, config: { ...weights.config, ...changes } });
}

/** The numbers of one tensor replaced. */
export function changedTensor(
  name: string,
  change: (numbers: Float64Array, shape: readonly number[]) => Float64Array,
) {
  return (weights: Weights): Weights => {
    const found = weights.tensors.get(name);
    if (found === undefined) throw new Error(`no tensor ${name}`);
    const read = async () => change(Float64Array.from(await found.read()), found.shape);
    const row = found.shape.slice(1).reduce((product, size) => product * size, 1);
    const readRows = async (from: number, to: number) => (await read()).slice(from * row, to * row);
    const tensors = new Map(weights.tensors).set(name, { ...found, read, readRows });
    return { ...weights, tensors };
  };
}

/** Row i of the new matrix is row `of(i)` of the old one. */
export function permutedRows(of: (row: number) => number) {
  return (numbers: Float64Array, [rows]: readonly number[]): Float64Array => {
    const width = numbers.length / rows;
    return numbers.map((_, k) => numbers[of(Math.floor(k / width)) * width + (k % width)]);
  };
}

/** A square matrix transposed. */
export function transposed(numbers: Float64Array, [n]: readonly number[]): Float64Array {
  return numbers.map((_, k) => numbers[(k % n) * n + Math.floor(k / n)]);
}

/** The tensors whose names contain one text exchanged with those that have the other in its place. */
export function swapped(one: string, other: string) {
  return (weights: Weights): Weights => {
    const tensors = new Map(weights.tensors);
    for (const [name, tensor] of weights.tensors) {
      const partner = name.includes(one) ? name.replace(one, other) : name.replace(other, one);
      if (partner !== name && weights.tensors.has(partner)) tensors.set(partner, tensor);
    }
    return { ...weights, tensors };
  };
}
