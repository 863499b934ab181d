import { MesoscopeError } from '../errors.ts';
import type { Checkpoint, CheckpointFormat } from './checkpoint.ts';
import { type Folder, folderOf, pathIn, type RandomAccess } from './files.ts';
import { readSafetensors } from './formats/safetensors.ts';
import { readJsonObject } from './json-file.ts';
import { readLicence } from './licence.ts';
import { type CheckpointPlace, findCheckpoints, formatOf } from './places.ts';
import { unreadable } from './refusal.ts';
import { readShards } from './shards.ts';
import type { Tensor } from './tensor.ts';
import { findTokenizer } from './tokenizer.ts';

/**
 * Opens the checkpoint of a folder: its description is read and judged, its weights are not.
 *
 * @param at - of several checkpoints, the one in this folder, or with these weights; a path below the folder
 * @throws MesoscopeError `file`, naming what is unsound, or the checkpoints if there are several; `unknown-name`
 */
export async function openCheckpoint(folder: Folder, at?: string): Promise<Checkpoint> {
  const place = chosen(folder, at);
  const home = folderOf(place.weights);
  const weights = fileAt(folder, place.weights);
  const tensors = await readTensors(folder, place, weights);
  const configFile = folder.files.get(pathIn(home, 'config.json'));
  return {
    source: pathIn(folder.name, place.at),
    format: place.format,
    config: configFile === undefined ? {} : await readJsonObject(configFile),
    tensors: byName(tensors, weights.path),
    licence: await readLicence(folder, home),
    tokenizer: findTokenizer(folder, home),
    notes: [],
  };
}

function chosen(folder: Folder, at: string | undefined): CheckpointPlace {
  const places = findCheckpoints(folder);
  if (at !== undefined) {
    const place = places.find((one) => one.at === at || one.weights === at);
    if (place !== undefined) return place;
    const format = folder.files.has(at) ? formatOf(at) : undefined;
    if (format !== undefined) return { at, format, weights: at };
    const known = places.map((one) => one.at);
    throw new MesoscopeError({ code: 'unknown-name', kind: 'checkpoint', received: at, known });
  }
  if (places.length === 0) {
    throw unreadable(
      folder.name,
      'it holds no weights (.safetensors, pytorch_model.bin, .pt, .onnx, .gguf)',
      'Name the folder or file of a checkpoint.',
    );
  }
  if (places.length > 1) {
    const list = places.map((place) => place.at).join(', ');
    throw unreadable(folder.name, `it holds ${places.length} checkpoints: ${list}`, 'Name one.');
  }
  return places[0];
}

function fileAt({ files, name }: Folder, path: string): RandomAccess {
  const file = files.get(path);
  if (file === undefined) throw unreadable(pathIn(name, path), 'there is no such file');
  return file;
}

const readers: Partial<Record<CheckpointFormat, (file: RandomAccess) => Promise<Tensor[]>>> = {
  safetensors: readSafetensors,
};

async function readTensors(
  folder: Folder,
  { weights: path, format }: CheckpointPlace,
  weights: RandomAccess,
): Promise<Tensor[]> {
  const read = readers[format];
  if (read === undefined) throw unreadable(weights.path, `${format} cannot be read yet`);
  return path.endsWith('.index.json') ? readShards(folder, weights, path, read) : read(weights);
}

function byName(tensors: readonly Tensor[], path: string): ReadonlyMap<string, Tensor> {
  if (tensors.length === 0) throw unreadable(path, 'it holds no tensor');
  return new Map(tensors.map((tensor) => [tensor.name, tensor]));
}
