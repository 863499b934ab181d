/**
 * Compiles the kernels (AssemblyScript) to WebAssembly, with relaxed SIMD and without, and writes both as base64 into
 * `src/kernels/wasm/generated/binaries.ts`. Does nothing when the sources have not changed since.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const folder = new URL('../src/kernels/wasm/', import.meta.url);
const target = new URL('generated/binaries.ts', folder);

const flags = [
  ...['--importMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536'],
  ...['--runtime', 'stub', '--noAssert', '--noExportMemory', '-O3', '--converge'],
  ...['--enable', 'simd,threads,bulk-memory'],
];

const key = await hashOfSources();
const present = await readFile(target, 'utf8').catch(() => '');
if (!present.includes(key)) {
  const [relaxed, strict] = [await compile(['--enable', 'relaxed-simd']), await compile([])];
  await mkdir(new URL('.', target), { recursive: true });
  // Written aside and renamed: another process may read the file meanwhile.
  const aside = new URL(`binaries.${process.pid}.tmp`, target);
  await writeFile(
    aside,
    `// Written by build-wasm.mjs from ${key}.\nexport const relaxed =\n  '${relaxed}';\nexport const strict =\n  '${strict}';\n`,
  );
  await rename(aside, target);
}

async function hashOfSources() {
  const hash = createHash('sha256')
    .update(await readFile(fileURLToPath(import.meta.url)))
    .update(await readFile(new URL('opcode.ts', folder)));
  const sources = new URL('assembly/', folder);
  for (const name of (await readdir(sources)).sort()) {
    hash.update(name).update(await readFile(new URL(name, sources)));
  }
  return hash.digest('hex');
}

async function compile(more) {
  const { default: asc } = await import('assemblyscript/asc');
  let bytes;
  const { error, stderr } = await asc.main(
    ['assembly/index.ts', '--outFile', 'kernels.wasm', ...flags, ...more],
    {
      readFile: (name, base) =>
        readFile(new URL(name, base === '.' ? folder : new URL(`${base}/`, folder)), 'utf8').catch(
          () => null,
        ),
      writeFile: (_name, contents) => {
        bytes = contents;
      },
    },
  );
  if (error) throw new Error(`The kernels do not compile.\n${stderr.toString()}`);
  return Buffer.from(bytes).toString('base64');
}
