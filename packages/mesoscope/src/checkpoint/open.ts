import type { Checkpoint } from './checkpoint.ts';
import { type Folder, fileName, folderOf, pathIn, type RandomAccess } from './files.ts';
import type { Contents } from './formats/contents.ts';
import { describeGguf } from './formats/describe-gguf.ts';
import { readGguf } from './formats/gguf.ts';
import { readOnnx } from './formats/onnx/index.ts';
import { readPytorch } from './formats/pytorch.ts';
import { readSafetensors } from './formats/safetensors.ts';
import { readJsonObject } from './json-file.ts';
import { readLicence } from './licence.ts';
import { type CheckpointPlace, findCheckpoints } from './places.ts';
import { unreadable } from './refusal.ts';
import { readShards } from './shards.ts';
import type { Tensor } from './tensor.ts';
import { findTokenizer } from './tokenizers/find.ts';

/**
 * Opens the checkpoint of a folder: its description is read and judged, its weights are not.
 *
 * @param at - the part of the folder that is meant: a folder in it, or a file of weights; default: all of it
 * @throws MesoscopeError `file`, naming what is unsound, or the checkpoints if there are several
 */
export async function openCheckpoint(folder: Folder, at = ''): Promise<Checkpoint> {
  const place = chosen(folder, at);
  const home = folderOf(place.weights);
  const weights = fileAt(folder, place.weights);
  await refusePointer(weights);
  const contents = await readContents(folder, place, weights);
  const { tensors, notes = [] } = contents;
  const configFile = configOf(folder, home);
  const config =
    configFile === undefined ? (contents.config ?? {}) : await readJsonObject(configFile);
  const { tokenizer } = contents;
  const processor = folder.files.get(pathIn(home, 'preprocessor_config.json'));
  return {
    source: place.at === '' ? folder.name : pathIn(folder.name, place.at),
    format: place.format,
    config,
    tensors: byName(tensors, weights.path),
    licence: contents.licence ?? (await readLicence(folder, home)),
    tokenizer:
      findTokenizer(folder, home, config) ??
      (tokenizer && { from: weights.path, load: async () => tokenizer() }),
    processor: processor && (await readJsonObject(processor)),
    notes,
  };
}

/** The settings beside the weights, or above a folder `onnx` of exports. */
function configOf({ files }: Folder, home: string): RandomAccess | undefined {
  const beside = files.get(pathIn(home, 'config.json'));
  if (beside !== undefined || fileName(home) !== 'onnx') return beside;
  return files.get(pathIn(folderOf(home), 'config.json'));
}

/** @throws MesoscopeError `file` for what Git leaves where a large file was not fetched */
async function refusePointer(file: RandomAccess): Promise<void> {
  const beginning = await file.read(0, Math.min(file.size, lfsMark.length));
  if (new TextDecoder().decode(beginning) !== lfsMark) return;
  const reason = 'it is only the pointer to a large file of Git LFS';
  throw unreadable(file.path, reason, 'Fetch the file itself: git lfs pull.');
}

const lfsMark = 'version https://git-lfs';

function chosen(folder: Folder, at: string): CheckpointPlace {
  const places = findCheckpoints(folder, at);
  if (places.length === 1) return places[0];
  const path = at === '' ? folder.name : pathIn(folder.name, at);
  if (places.length === 0) {
    const reason = 'it holds no weights (.safetensors, pytorch_model.bin, .pt, .onnx, .gguf)';
    throw unreadable(path, reason, 'Name the folder or file of a checkpoint.');
  }
  const list = places.map((place) => place.at).join(', ');
  throw unreadable(path, `it holds ${places.length} checkpoints: ${list}`, 'Name one of them.');
}

function fileAt({ files, name }: Folder, path: string): RandomAccess {
  const file = files.get(path);
  if (file === undefined) throw unreadable(pathIn(name, path), 'there is no such file');
  return file;
}

function readContents(
  folder: Folder,
  { weights: path, format }: CheckpointPlace,
  weights: RandomAccess,
): Promise<Contents> {
  switch (format) {
    case 'safetensors':
      return readTensors(folder, path, weights, readSafetensors);
    case 'pytorch':
      return readTensors(folder, path, weights, readPytorch);
    case 'onnx':
      return readOnnx(weights, (name) => folder.files.get(pathIn(folderOf(path), name)));
    case 'gguf':
      return readGguf(weights).then((gguf) => describeGguf(gguf, weights.path));
  }
}

async function readTensors(
  folder: Folder,
  path: string,
  weights: RandomAccess,
  read: (file: RandomAccess) => Promise<Tensor[]>,
): Promise<Contents> {
  const sharded = path.endsWith('.index.json');
  return {
    tensors: sharded ? await readShards(folder, weights, path, read) : await read(weights),
  };
}

function byName(tensors: readonly Tensor[], path: string): ReadonlyMap<string, Tensor> {
  if (tensors.length === 0) throw unreadable(path, 'it holds no tensor');
  return new Map(tensors.map((tensor) => [tensor.name, tensor]));
}
