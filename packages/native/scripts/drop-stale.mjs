/** Removes an addon that was built from other sources than those that stand here: WebAssembly runs until it is built again. */
import { readFile, rm } from 'node:fs/promises';
import { addonFile, sourcesFile, sourcesHash } from './sources-hash.mjs';

const built = await readFile(sourcesFile, 'utf8').catch(() => '');
if (built !== (await sourcesHash())) {
  await rm(addonFile).then(
    () =>
      console.log(
        'The native kernels were built from older sources and are removed: npm run build:native.',
      ),
    () => {},
  );
}
