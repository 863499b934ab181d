/** `npm run build:native`: builds the addon into this package, for this machine's kind of processor. */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { compileAddon, kernelSources } from './compile.mjs';
import { sourcesFile, sourcesHash } from './sources-hash.mjs';

try {
  const folder = fileURLToPath(new URL('../build', import.meta.url));
  await compileAddon(await kernelSources(), folder);
  await writeFile(sourcesFile, await sourcesHash());
  console.log(`Built ${folder}/kernels.node.`);
} catch (error) {
  const isMissing = error.code === 'ENOENT';
  console.error(
    isMissing
      ? `There is no C++ compiler "${error.path}": install one, or name it in CXX. Without it the WebAssembly kernels run.`
      : `The native kernels do not compile:\n${error.stderr ?? error.message}`,
  );
  process.exitCode = 1;
}
