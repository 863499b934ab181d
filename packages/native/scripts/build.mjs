/** `npm run build:native`: kernels as C++, compiled once for each level, and linked into one addon. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { include_dir as nodeHeaders } from 'node-api-headers';
import { transpile } from './transpile.mjs';

const run = promisify(execFile);
const here = new URL('../', import.meta.url);
const assembly = new URL('../mesoscope/src/kernels/wasm/assembly/', here);
const build = new URL('build/', here);

/** Flags of the compiler for each level, by the machine's kind. */
const levels =
  process.arch === 'arm64'
    ? { neon: [] }
    : {
        avx512: [
          '-mavx512f',
          '-mavx512dq',
          '-mavx512bw',
          '-mavx512vl',
          '-mavx2',
          '-mfma',
          '-mprefer-vector-width=512',
        ],
        avx2: ['-mavx2', '-mfma'],
      };

/** Every kernel, from the files that the WebAssembly build compiles. */
export async function kernels() {
  const files = new Map();
  const read = async (name, url) => files.set(name, await readFile(url, 'utf8'));
  await read('memory-map', new URL('../memory-map.ts', assembly));
  await read('layout', new URL('generated/layout.ts', assembly));
  for (const name of (await readdir(assembly)).filter((n) => n.endsWith('.ts')).sort()) {
    await read(name.slice(0, -3), new URL(name, assembly));
  }
  return transpile(files, new Set(['lanes']));
}

const compiler = process.env.CXX ?? 'g++';
const common = [
  '-std=c++17',
  '-O3',
  '-fPIC',
  '-fwrapv',
  '-ffp-contract=off',
  '-fno-math-errno',
  '-fvisibility=hidden',
  '-ftls-model=initial-exec',
  '-Wno-psabi',
  '-Wno-unused-function',
];

await mkdir(build, { recursive: true });
const path = (name) => fileURLToPath(new URL(name, build));
const source = (name) => fileURLToPath(new URL(`source/${name}`, here));
await writeFile(path('kernels.inc'), await kernels());
const memoryMap = await readFile(new URL('../memory-map.ts', assembly), 'utf8');
await writeFile(path('memory-map.h'), transpile(new Map([['memory-map', memoryMap]]), new Set()));
const objects = [];
for (const [level, flags] of Object.entries(levels)) {
  const object = path(`${level}.o`);
  await run(compiler, [
    ...common,
    ...flags,
    `-DLEVEL=${level}`,
    `-I${fileURLToPath(build)}`,
    '-c',
    source('level.cpp'),
    '-o',
    object,
  ]);
  objects.push(object);
}
await run(compiler, [
  ...common,
  `-I${nodeHeaders}`,
  `-I${fileURLToPath(build)}`,
  ...Object.keys(levels).map((level) => `-DHAS_${level}`),
  '-shared',
  '-pthread',
  source('addon.cpp'),
  ...objects,
  '-o',
  path('kernels.node'),
]);
