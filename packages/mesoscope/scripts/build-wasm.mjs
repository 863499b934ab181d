/**
 * Compiles the kernels (AssemblyScript) to WebAssembly, with relaxed SIMD and without, and writes both as base64 into
 * `src/kernels/wasm/generated/binaries.ts`. Before that it writes the instruction table as constants for the kernels,
 * `assembly/generated/layout.ts`. Does nothing when the sources have not changed since.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { compileKernels } from './compile-wasm.mjs';

const folder = new URL('../src/kernels/wasm/', import.meta.url);
const target = new URL('generated/binaries.ts', folder);

const layout = layoutOf(await instructionTable());
const key = await hashOfSources();
const present = await readFile(target, 'utf8').catch(() => '');
if (!present.includes(key)) {
  await mkdir(new URL('.', target), { recursive: true });
  const constants = new URL('assembly/generated/layout.ts', folder);
  await mkdir(new URL('.', constants), { recursive: true });
  await writeFile(constants, layout);
  const read = (path) => readFile(new URL(path, folder), 'utf8');
  const base64 = async (features) =>
    Buffer.from(await compileKernels(read, features)).toString('base64');
  const [relaxed, strict] = [await base64(['--enable', 'relaxed-simd']), await base64([])];
  // Written aside and renamed: another process may read the file meanwhile.
  const aside = new URL(`binaries.${process.pid}.tmp`, target);
  await writeFile(
    aside,
    `// Written by build-wasm.mjs from ${key}.\nexport const relaxed =\n  '${relaxed}';\nexport const strict =\n  '${strict}';\n`,
  );
  await rename(aside, target);
}

/** The table of `src/kernels/instruction-table.ts`. */
async function instructionTable() {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../instruction-table.ts', folder))],
    bundle: true,
    format: 'esm',
    write: false,
  });
  const source = Buffer.from(outputFiles[0].contents).toString('base64');
  return await import(`data:text/javascript;base64,${source}`);
}

/** One enumeration for the opcodes, one for each list of names, and one an instruction: its operands and its numbers. */
function layoutOf({ instructionTable: table, ...lists }) {
  const enumeration = (name, members) => `export const enum ${name} { ${members.join(', ')} }\n`;
  const camel = (name) => name.replace(/-./g, ([, letter]) => letter.toUpperCase());
  const pascal = (name) => name[0].toUpperCase() + camel(name.slice(1));
  const numbered = (names) => names.map((name, i) => `${camel(name)} = ${i}`);
  const kinds = Object.entries(lists).map(([name, names]) =>
    enumeration(pascal(name.replace(/s$/, '')), numbered(names)),
  );
  const instructions = Object.entries(table).map(([op, { operands, numbers }]) => {
    // The kernel is told the size of its blocks of queries; see `derivedNumbers` in encode.ts.
    const derived = op === 'attentionPullback' ? ['block'] : [];
    return enumeration(pascal(op), [
      ...numbered(Object.keys(operands)),
      ...numbered([...Object.keys(numbers), ...derived]),
    ]);
  });
  return [
    '// Written by build-wasm.mjs from instruction-table.ts: places of operands, and of numbers.\n',
    enumeration('Opcode', numbered(Object.keys(table))),
    ...kinds,
    ...instructions,
  ].join('');
}

async function hashOfSources() {
  const hash = createHash('sha256')
    .update(await readFile(fileURLToPath(import.meta.url)))
    .update(await readFile(new URL('../heap/memory-map.ts', folder)))
    .update(layout);
  const sources = new URL('assembly/', folder);
  const names = (await readdir(sources)).filter((name) => name.endsWith('.ts'));
  for (const name of names.sort()) {
    hash.update(name).update(await readFile(new URL(name, sources)));
  }
  return hash.digest('hex');
}
