import { resolve } from 'node:path';
import { openCheckpoint } from 'mesoscope/checkpoint';
import type { DataSource } from 'mesoscope/claims';
import { decodeNpz, decodeSafetensors } from 'mesoscope/formats';
import { checkpointFolder } from '../input/checkpoint-folder.ts';
import { readFile } from '../input/configuration-file.ts';
import { loadCorpus } from './corpus.ts';
import { loadImages } from './images.ts';
import { loadPicture } from './picture.ts';

/** Data by name or path, of those that come with the program and of a directory. */
export function dataFrom(directory: string): DataSource {
  return {
    corpus: async (name) => loadCorpus(name, directory),
    images: async (name) => loadImages(name, directory),
    async trainedModel(name) {
      const { folder, at } = checkpointFolder(name, directory);
      return openCheckpoint(folder, at);
    },
    picture: async (name) => loadPicture(name, directory),
    async arrays(name) {
      const bytes = readFile(resolve(directory, name), name);
      const budget = { budget: Number.POSITIVE_INFINITY };
      return name.endsWith('.safetensors')
        ? decodeSafetensors(bytes, name, budget)
        : decodeNpz(bytes, name, budget);
    },
  };
}
