/** Compiles kernels to an addon: transpiled once, compiled for each level, linked with `source/addon.cpp`. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { include_dir as nodeHeaders } from 'node-api-headers';
import { transpile } from './transpile.mjs';

const run = promisify(execFile);
const here = new URL('../', import.meta.url);
const assembly = new URL('../mesoscope/src/kernels/wasm/assembly/', here);
const source = (name) => fileURLToPath(new URL(`source/${name}`, here));

/** Flags of the compiler for each level, by the machine's kind. */
const levels =
  process.arch === 'arm64'
    ? { neon: [] }
    : {
        avx512: [
          ...['-mavx512f', '-mavx512dq', '-mavx512bw', '-mavx512vl', '-mavx2', '-mfma'],
          '-mprefer-vector-width=512',
        ],
        avx2: ['-mavx2', '-mfma'],
      };

const flags = [
  ...['-std=c++17', '-O3', '-fPIC', '-fwrapv', '-ffp-contract=off', '-fno-math-errno'],
  ...['-fvisibility=hidden', '-ftls-model=initial-exec', '-Wno-psabi', '-Wno-unused-function'],
];

/** The kernels' texts by name: those that the WebAssembly build compiles. */
export async function kernelSources() {
  const files = new Map();
  files.set('memory-map', await readFile(new URL('../../heap/memory-map.ts', assembly), 'utf8'));
  files.set('layout', await readFile(new URL('generated/layout.ts', assembly), 'utf8'));
  for (const name of (await readdir(assembly)).filter((n) => n.endsWith('.ts')).sort()) {
    files.set(name.slice(0, -3), await readFile(new URL(name, assembly), 'utf8'));
  }
  return files;
}

/**
 * Writes `kernels.node` into a folder.
 *
 * @param {ReadonlyMap<string, string>} files
 * @param {string} folder
 * @param {string} [compiler] that of the environment variable CXX, else g++
 */
export async function compileAddon(files, folder, compiler = process.env.CXX ?? 'g++') {
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}/kernels.inc`, transpile(files, new Set(['lanes'])));
  const memoryMap = new Map([['memory-map', files.get('memory-map')]]);
  await writeFile(`${folder}/memory-map.h`, transpile(memoryMap, new Set()));
  const objects = [];
  for (const [level, ofLevel] of Object.entries(levels)) {
    const object = `${folder}/${level}.o`;
    const what = [`-DLEVEL=${level}`, `-I${folder}`, '-c', source('level.cpp'), '-o', object];
    await run(compiler, [...flags, ...ofLevel, ...what]);
    objects.push(object);
  }
  await run(compiler, [
    ...flags,
    `-I${nodeHeaders}`,
    `-I${folder}`,
    ...Object.keys(levels).map((level) => `-DHAS_${level}`),
    ...['-shared', '-pthread', '-static-libgcc', '-static-libstdc++', source('addon.cpp')],
    ...objects,
    '-o',
    `${folder}/kernels.node`,
  ]);
}
