/** Compiles the kernels (AssemblyScript) to WebAssembly. */

const flags = [
  ...['--importMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536'],
  ...['--runtime', 'stub', '--noAssert', '--noExportMemory', '-O3', '--converge'],
  ...['--enable', 'simd,threads,bulk-memory'],
];

/**
 * @param {(path: string) => Promise<string>} read a source by its path from `src/kernels/wasm`; throws where there is none
 * @param {readonly string[]} features more flags: `['--enable', 'relaxed-simd']`, or none
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function compileKernels(read, features) {
  const { default: asc } = await import('assemblyscript/asc');
  let bytes = new Uint8Array();
  const { error, stderr } = await asc.main(
    ['assembly/index.ts', '--outFile', 'kernels.wasm', ...flags, ...features],
    {
      readFile: (name, base) => read(base === '.' ? name : `${base}/${name}`).catch(() => null),
      writeFile: (_name, contents) => {
        bytes = contents;
      },
    },
  );
  if (error) throw new Error(`The kernels do not compile.\n${stderr.toString()}`);
  return bytes;
}
