import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { kernelSources } from './compile.mjs';

const here = new URL('../', import.meta.url);

export const addonFile = new URL('build/kernels.node', here);
/** What the addon was built from. */
export const sourcesFile = new URL('build/sources.sha256', here);

/** SHA-256 of everything that an addon is made of. */
export async function sourcesHash() {
  const hash = createHash('sha256');
  for (const [name, text] of await kernelSources()) hash.update(`${name}\n${text}`);
  for (const folder of ['source/', 'scripts/']) {
    for (const name of (await readdir(new URL(folder, here))).sort()) {
      hash.update(`${name}\n${await readFile(new URL(folder + name, here), 'utf8')}`);
    }
  }
  return hash.digest('hex');
}
