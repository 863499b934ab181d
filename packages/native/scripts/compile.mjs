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

const x64 = {
  avx512: [
    ...['-mavx512f', '-mavx512dq', '-mavx512bw', '-mavx512vl', '-mavx2', '-mfma'],
    '-mprefer-vector-width=512',
  ],
  avx2: ['-mavx2', '-mfma'],
};
const arm64 = { neon: [] };

/** For each platform the compiler's flags for each level and for all, those of the linker, and what zig calls it. */
export const platforms = {
  'linux-x64': linux(x64, 'x86_64-linux-gnu.2.28'),
  'linux-arm64': linux(arm64, 'aarch64-linux-gnu.2.28'),
  'darwin-x64': darwin(x64, 'x86_64-macos'),
  'darwin-arm64': darwin(arm64, 'aarch64-macos'),
};

function linux(levels, zig) {
  return { levels, flags: ['-ftls-model=initial-exec'], linking: [], zig };
}

/** Symbols of Node are found when the addon is loaded. */
function darwin(levels, zig) {
  return { levels, flags: [], linking: ['-undefined', 'dynamic_lookup'], zig };
}

export const thisPlatform = `${process.platform}-${process.arch}`;

/** That of the environment variable CXX, else g++; its libraries become part of the addon. */
export const ownCompiler = {
  command: [process.env.CXX ?? 'g++'],
  linking: ['-static-libgcc', '-static-libstdc++'],
};

const common = [
  ...['-std=c++17', '-O3', '-fPIC', '-fwrapv', '-ffp-contract=off', '-fno-math-errno'],
  ...['-fvisibility=hidden', '-Wno-psabi', '-Wno-unused-function'],
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
 * @param {{ platform?: string, compiler?: { command: readonly string[], linking: readonly string[] } }} [options]
 */
export async function compileAddon(files, folder, options = {}) {
  const { platform = thisPlatform, compiler = ownCompiler } = options;
  const { levels, linking } = platformOf(platform);
  const objects = await compileKernels(files, folder, options);
  await linkProgram('addon.cpp', objects, `${folder}/kernels.node`, options, [
    ...[`-I${nodeHeaders}`, `-I${folder}`, '-shared', '-pthread', ...linking, ...compiler.linking],
    ...Object.keys(levels).map((level) => `-DHAS_${level}`),
  ]);
}

/** Compiles the kernels for each level: paths of the objects. */
export async function compileKernels(files, folder, options = {}) {
  const { platform = thisPlatform, compiler = ownCompiler } = options;
  const { levels, flags } = platformOf(platform);
  const [command, ...words] = compiler.command;
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}/kernels.inc`, transpile(files, new Set(['lanes'])));
  const memoryMap = new Map([['memory-map', files.get('memory-map')]]);
  await writeFile(`${folder}/memory-map.h`, transpile(memoryMap, new Set()));
  const objects = [];
  for (const [level, ofLevel] of Object.entries(levels)) {
    const object = `${folder}/${level}.o`;
    const what = [`-DLEVEL=${level}`, `-I${folder}`, '-c', source('level.cpp'), '-o', object];
    await run(command, [...words, ...common, ...flags, ...ofLevel, ...what]);
    objects.push(object);
  }
  return objects;
}

/** Compiles one file of `source/` and links it with the kernels. */
export async function linkProgram(name, objects, target, options, more) {
  const { platform = thisPlatform, compiler = ownCompiler } = options;
  const [command, ...words] = compiler.command;
  const { flags } = platformOf(platform);
  const files = [source(name), ...objects, '-o', target];
  await run(command, [...words, ...common, ...flags, ...more, ...files]);
}

function platformOf(name) {
  if (name in platforms) return platforms[name];
  throw new Error(
    `There are native kernels for ${Object.keys(platforms).join(', ')}, not for ${name}.`,
  );
}
