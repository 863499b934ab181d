import { isObject } from '../configuration/tree.ts';
import { preview } from '../errors.ts';
import { parseJson } from '../formats/json.ts';
import { type RandomAccess, readWhole } from './files.ts';
import { unreadable } from './refusal.ts';

/** Bytes that a JSON file of a checkpoint may have; the longest are tokenisers of 200 000 words. */
const longestJson = 2 ** 25;

/** Reads a JSON file that must hold an object. @throws MesoscopeError `file` */
export async function readJsonObject(
  file: RandomAccess,
): Promise<Readonly<Record<string, unknown>>> {
  if (file.size > longestJson) {
    throw unreadable(file.path, `it has ${file.size} bytes, more than ${longestJson}`);
  }
  const value = parseJson(await readWhole(file), file.path, { budget: 8 * longestJson });
  if (!isObject(value)) throw unreadable(file.path, `it holds no object but ${preview(value)}`);
  return value;
}
