/**
 * `node scripts/prebuild.mjs <folder> [platform …]`: packages that hold the addon for one platform each, as `npm pack` takes
 * them, and this package with them as its optional dependencies. For this platform the machine's own compiler is used, for
 * others zig's (`pip install ziglang`; ZIG names another command). Default: all platforms. Says of each whether it was run.
 */
import { execFileSync } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { compileAddon, kernelSources, ownCompiler, platforms, thisPlatform } from './compile.mjs';

const here = fileURLToPath(new URL('..', import.meta.url));
const [out, ...asked] = process.argv.slice(2);
if (out === undefined) throw new Error('Name the folder that the packages go to.');
const zig = process.env.ZIG?.split(' ') ?? ['python3', '-m', 'ziglang'];
const manifest = JSON.parse(await readFile(join(here, 'package.json'), 'utf8'));
const files = await kernelSources();
const made = {};

for (const platform of asked.length > 0 ? asked : Object.keys(platforms)) {
  const name = `${manifest.name}-${platform}`;
  const folder = resolve(out, name);
  const compiler =
    platform === thisPlatform
      ? ownCompiler
      : { command: [...zig, 'c++', '-target', platforms[platform].zig], linking: [] };
  await compileAddon(files, join(folder, 'build'), { platform, compiler });
  await cp(join(folder, 'build', 'kernels.node'), join(folder, 'kernels.node'));
  await cp(join(here, 'LICENSE'), join(folder, 'LICENSE'));
  await writeJson(join(folder, 'package.json'), manifestOf(name, platform));
  await writeFile(
    join(folder, 'README.md'),
    `# ${name}\n\nThe addon of ${manifest.name} for ${platform}.\n`,
  );
  made[name] = manifest.version;
  console.log(
    `${name}: ${platform === thisPlatform ? `ran, ${levelsOf(folder)}` : 'linked, not run'}`,
  );
}

const staged = resolve(out, manifest.name);
await mkdir(staged, { recursive: true });
for (const part of ['dist', 'src', 'source', 'scripts', 'LICENSE', 'README.md']) {
  await cp(join(here, part), join(staged, part), { recursive: true });
}
await writeJson(join(staged, 'package.json'), { ...manifest, optionalDependencies: made });

function manifestOf(name, platform) {
  const [os, cpu] = platform.split('-');
  return {
    name,
    version: manifest.version,
    description: `The addon of ${manifest.name} for ${platform}`,
    license: manifest.license,
    os: [os],
    cpu: [cpu],
    libc: os === 'linux' ? ['glibc'] : undefined,
    engines: manifest.engines,
    files: ['kernels.node'],
  };
}

/** The levels that the addon finds here, asked in a process of its own. */
function levelsOf(folder) {
  const addon = pathToFileURL(join(folder, 'kernels.node')).href;
  const script = `import { createRequire } from 'node:module';
    import { fileURLToPath } from 'node:url';
    const levels = createRequire('/')(fileURLToPath('${addon}')).levels();
    console.log(levels.filter(({ isThere }) => isThere).map(({ name }) => name).join(' and '));`;
  const words = ['--input-type=module', '--eval', script];
  return execFileSync(process.execPath, words, { encoding: 'utf8' }).trim();
}

function writeJson(path, value) {
  return writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
}
