import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';

/** The packages as a stranger installs them: packed, in a folder of their own, with the examples beside them. */

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'packed-'));
const run = (command: string, words: readonly string[], cwd = folder) =>
  execFileSync(command, words, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** The blocks of code and the instances of README and guide, as files `code/README-0.json`. */
const written = ['README.md', 'docs/guide.md'].flatMap((path) =>
  [...readFileSync(join(root, path), 'utf8').matchAll(/^```(ts|js|json)\n(.*?)^```$/gms)].map(
    ([, language, code], i) => ({ name: `${basename(path, '.md')}-${i}.${language}`, code }),
  ),
);
const isJson = ({ name }: { readonly name: string }) => name.endsWith('.json');
const isSweep = ({ code }: { readonly code: string }) => code.includes('"axes"');
const instances = written.filter((block) => isJson(block) && !isSweep(block));
const sweeps = written.filter((block) => isJson(block) && isSweep(block));
const blocks = written.filter((block) => !isJson(block));

/** Native kernels as releases have them: in a package for this platform, which needs a compiler here and none where it runs. */
const platformPackage = `mesoscope-native-${process.platform}-${process.arch}`;
const hasCompiler = answers(process.env.CXX ?? 'g++');

function answers(command: string): boolean {
  try {
    run(command, ['--version']);
    return true;
  } catch {
    return false;
  }
}

beforeAll(() => {
  const folders = ['mesoscope', 'view', 'native', 'cli'].map((name) =>
    join(root, 'packages', name),
  );
  if (hasCompiler) {
    const script = join(root, 'packages', 'native', 'scripts', 'prebuild.mjs');
    const platform = `${process.platform}-${process.arch}`;
    run(process.execPath, [script, join(folder, 'prebuilt'), platform]);
    folders.push(join(folder, 'prebuilt', platformPackage));
  }
  const packed = folders.map((place) => {
    const words = ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder];
    return run('npm', words, place).trim().split('\n').at(-1) ?? '';
  });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }');
  const tarballs = packed.map((name) => join(folder, name));
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...tarballs]);
  cpSync(join(root, 'examples'), folder, { recursive: true });
  mkdirSync(join(folder, 'code'));
  for (const { name, code } of written) writeFileSync(join(folder, 'code', name), code);
}, 300_000);

describe('an installed example', () => {
  it('is right for the type checker, as is the code of README and guide', () => {
    const compilerOptions = {
      allowJs: true,
      checkJs: true,
      noEmit: true,
      strict: true,
      skipLibCheck: true,
      module: 'NodeNext',
      target: 'ES2023',
      lib: ['ES2023', 'DOM'],
      types: [],
    };
    const files = readdirSync(folder).filter((name) => name.startsWith('own-'));
    const include = [...files.map((name) => `${name}/*.js`), 'code/*.ts', 'code/*.js'];
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include }));
    const compile = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    expect(run(process.execPath, [compile, '-p', folder])).toBe('');
  }, 120_000);

  it('runs as a claim, on threads', () => {
    const words = ['mesoscope', 'verify', './own-claim/convex-hull.js', '--json', '--workers', '2'];
    const { claims } = JSON.parse(run('npx', words));
    expect(claims).toMatchObject([{ id: 'X.convex-hull', verdict: 'holds', arxiv: null }]);
  }, 120_000);

  it('runs as a study, on threads, and leaves a bundle', () => {
    run('npx', [
      'mesoscope',
      'study',
      './own-study/temperature.js',
      '--out',
      'own',
      '--workers',
      '2',
    ]);
    const record = JSON.parse(readFileSync(join(folder, 'own', 'run.json'), 'utf8'));
    expect(record.status.kind).toBe('completed');
    expect(Object.keys(record.headline)).toEqual(['variance at the largest β']);
  }, 120_000);

  it('is a new attention, whose gradient follows from its forward lines', () => {
    const said = run(process.execPath, ['own-attention/run.js']);
    expect(said).toContain('completed');
    expect(said).toContain('gradients agree');
  });
});

describe('the code of README and guide', () => {
  it.each(blocks)('runs: $name', ({ name, code }) => {
    const module = `code/${name}.mjs`;
    writeFileSync(join(folder, module), transformSync(code, { loader: 'ts' }).code);
    expect(run(process.execPath, [module])).not.toBe('');
  });

  it.each(instances)('is an instance that holds: $name', ({ name }) => {
    const words = ['mesoscope', 'verify', 'A.euler-order', '--config', `code/${name}`, '--json'];
    expect(JSON.parse(run('npx', words)).claims).toMatchObject([{ verdict: 'holds' }]);
  });

  it.each(sweeps)('is a sweep that can be planned and run: $name', ({ name }) => {
    const sweep = (...words: string[]) => run('npx', ['mesoscope', 'sweep', ...words]);
    const out = `sweeps/${name}`;
    sweep('plan', `code/${name}`, '--out', out, '--no-estimate');
    expect(sweep('shard', out, '--index', '0', '--of', '12')).toContain('cells are done');
  });

  it('is there', () => {
    expect(instances).toHaveLength(2);
    expect(sweeps).toHaveLength(2);
    expect(blocks).toHaveLength(4);
  });
});

describe.each(['mesoscope', 'mesoscope-view', 'mesoscope-cli'])('the package %s', (name) => {
  const at = join(folder, 'node_modules', name);
  const files = () => readdirSync(at, { recursive: true, encoding: 'utf8' });

  it('has licence, words, and types for every entry', () => {
    expect(readdirSync(at)).toEqual(expect.arrayContaining(['LICENSE', 'README.md']));
    const { exports } = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8'));
    const entries = Object.values<Record<'types' | 'default', string>>(exports);
    const missing = entries
      .flatMap(({ types, default: module }) => [types, module])
      .filter((path) => !existsSync(join(at, path)));
    expect(missing).toEqual([]);
  });

  it('has the sources of all its source maps', () => {
    const maps = files().filter((file) => file.endsWith('.map'));
    const lost = maps.flatMap((map) => {
      const { sources, sourcesContent = [] } = JSON.parse(readFileSync(join(at, map), 'utf8'));
      const nowhere = (source: string, i: number) =>
        !sourcesContent[i] && !existsSync(resolve(at, dirname(map), source));
      return sources.filter(nowhere).map((source: string) => `${map}: ${source}`);
    });
    expect(maps.length).toBeGreaterThan(20);
    expect(lost).toEqual([]);
  });

  it('has no tests', () => {
    expect(files().filter((file) => /\.(?:test|fixture|calibration)\.|gallery/.test(file))).toEqual(
      [],
    );
  });
});

it('loads no schema where only a field is wanted', () => {
  writeFileSync(
    join(folder, 'no-zod.mjs'),
    'export const resolve = (name, context, next) => { if (name === "zod") throw new Error("zod was asked for"); return next(name, context); };',
  );
  writeFileSync(
    join(folder, 'field.mjs'),
    'import { register } from "node:module"; register("./no-zod.mjs", import.meta.url); await import("mesoscope/field"); console.log("no schema");',
  );
  expect(run(process.execPath, ['field.mjs'])).toContain('no schema');
});

describe.skipIf(!hasCompiler)('native kernels from the package for this platform', () => {
  const installed = join(folder, 'node_modules', platformPackage);

  /** The command as on a machine that has Node and nothing else. */
  function alone(...words: readonly string[]): string {
    const bin = join(folder, 'bin');
    if (!existsSync(bin)) {
      mkdirSync(bin);
      symlinkSync(process.execPath, join(bin, 'node'));
    }
    const cli = join(folder, 'node_modules', 'mesoscope-cli');
    const { bin: commands } = JSON.parse(readFileSync(join(cli, 'package.json'), 'utf8'));
    return execFileSync('node', [join(cli, commands.mesoscope), ...words], {
      cwd: folder,
      encoding: 'utf8',
      env: { PATH: bin },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }
  const native = () =>
    JSON.parse(alone('doctor', '--json')).findings.find(
      ({ name }: { readonly name: string }) => name === 'native',
    );
  const buildOf = (out: string): string => {
    alone('verify', 'A.euler-order', '--config', 'code/README-0.json', '--out', out);
    return JSON.parse(readFileSync(join(folder, out, 'run.json'), 'utf8')).build;
  };

  it('run by default, without a compiler', () => {
    expect(native().state).toBe('good');
    expect(buildOf('native-run')).toContain('native');
  }, 120_000);

  it('give way to wasm, with the reason, when damaged and when lost', () => {
    writeFileSync(join(installed, 'kernels.node'), 'damaged');
    expect(native()).toMatchObject({ state: 'warning' });
    expect(native().sentence).toContain('cannot be loaded');
    rmSync(installed, { recursive: true });
    expect(native().sentence).toContain(platformPackage);
    expect(buildOf('wasm-run')).toContain('wasm');
  }, 120_000);
});
