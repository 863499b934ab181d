import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Whether a word of a command line names a module of claims or studies: `./my-claim.js`. */
export function isModule(word: string): boolean {
  return ['.js', '.mjs'].includes(extname(word));
}

/** The address under which any thread loads a module. */
export function moduleAddress(path: string, directory: string): string {
  return pathToFileURL(resolve(directory, path)).href;
}
