// Whether the bundles of a browser application stay within their budgets: `node test/size/size.mjs`, after
// `npm run build`. Each is what esbuild leaves of one import, minified, compressed by gzip.
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** Schemas, and the rooms of claims, studies and presets that are made of them. */
const schemas = /node_modules\/zod\/|mesoscope\/dist\/(?:configuration|task|claims|study)\//;

const bundles = [
  { name: 'all of the root', code: `export * from 'mesoscope';`, kilobytes: 480, without: /^$/ },
  {
    name: 'a flow',
    code: `export { attention, createWasmBackend, parametersFromMatrices, simulate } from 'mesoscope';`,
    kilobytes: 120,
    without: schemas,
  },
  {
    name: 'attention',
    code: `export { attention } from 'mesoscope';`,
    kilobytes: 6,
    without: schemas,
  },
];

for (const { name, code, kilobytes, without } of bundles) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: fileURLToPath(new URL('.', import.meta.url)) },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    metafile: true,
    // By the exports of the packages, not by the paths that our own tsconfig.json has.
    tsconfigRaw: {},
  });
  const size = gzipSync(outputFiles[0].contents).length / 1000;
  const [output] = Object.values(metafile.outputs);
  const loaded = Object.entries(output.inputs).flatMap(([path, { bytesInOutput }]) =>
    bytesInOutput > 0 ? [path] : [],
  );
  const unwanted = loaded.filter((path) => without.test(path));
  const problems = [
    ...(size > kilobytes ? ['over its budget'] : []),
    ...unwanted.map((path) => `loads ${path}`),
  ];
  console.log([`${name}: ${size.toFixed(1)} kB of ${kilobytes}`, ...problems].join('; '));
  if (problems.length > 0) process.exitCode = 1;
}
