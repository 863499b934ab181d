// Draws docs/images/rooms.svg, who imports whom, as a matrix: `npm run layers:picture`. A row imports from its columns; rooms
// stand in the order of .dependency-cruiser.cjs, so that imports that run downwards only fill the lower triangle only.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { forbidden } = createRequire(import.meta.url)('../.dependency-cruiser.cjs');
const suffix = '-imports-only-downwards';
const lower = forbidden.flatMap(({ name }) =>
  name.endsWith(suffix) ? [name.slice(0, -suffix.length)] : [],
);
// The highest layer has no rule, since nothing stands above it.
const rooms = [...lower, 'study', 'index', 'view', 'native', 'cli'];

const { modules } = JSON.parse(
  execFileSync(
    process.execPath,
    [
      'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
      '--config',
      '.dependency-cruiser.cjs',
      '--output-type',
      'json',
      'packages',
    ],
    { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28 },
  ),
);

const forTests = /\.(test|fixture|calibration)\.ts$|\/test-support\.ts$/;

/** The room of a file; undefined for tests and what every room imports (errors, version). */
function roomOf(path) {
  if (forTests.test(path)) return undefined;
  const [, name, rest] = /^packages\/(mesoscope|view|native|cli)\/src\/(.*)$/.exec(path) ?? [];
  const room = name === 'mesoscope' ? rest.replace(/(\/|\.ts$).*/, '') : name;
  return rooms.includes(room) ? room : undefined;
}

const files = new Map(rooms.map((room) => [room, 0]));
const imports = new Map();
for (const { source, dependencies } of modules) {
  const from = roomOf(source);
  if (from === undefined) continue;
  files.set(from, files.get(from) + 1);
  for (const { resolved } of dependencies) {
    const to = roomOf(resolved);
    if (to === undefined || to === from) continue;
    const key = `${from} ${to}`;
    imports.set(key, (imports.get(key) ?? 0) + 1);
  }
}

const cell = 34;
const left = 150;
const top = 120;
const size = rooms.length * cell;
const title = (room) => (room === 'index' ? 'mesoscope' : room);
const middle = (i) => (i + 0.5) * cell;

const rows = rooms.map((room, i) => {
  const label = `<text x="${left - 48}" y="${top + middle(i) + 4}" text-anchor="end">${title(room)}</text>`;
  const count = `<text class="faint" x="${left - 10}" y="${top + middle(i) + 4}" text-anchor="end">${files.get(room)}</text>`;
  const column = `<text transform="translate(${left + middle(i) + 4} ${top - 10}) rotate(-60)">${title(room)}</text>`;
  const self = `<rect x="${left + i * cell}" y="${top + i * cell}" width="${cell}" height="${cell}" fill="#d9d9d9"/>`;
  return label + count + column + self;
});
const most = Math.max(...imports.values());
const cells = [...imports].map(([key, count]) => {
  const [i, j] = key.split(' ').map((room) => rooms.indexOf(room));
  const opacity = (0.15 + 0.85 * Math.sqrt(count / most)).toFixed(2);
  const [x, y] = [left + j * cell, top + i * cell];
  const dark = count > most / 4;
  // Upwards: orange.
  const fill = j < i ? '#0072b2' : '#d55e00';
  return (
    `<rect x="${x + 1}" y="${y + 1}" width="${cell - 2}" height="${cell - 2}" fill="${fill}" fill-opacity="${opacity}"/>` +
    `<text x="${x + cell / 2}" y="${y + cell / 2 + 4}" text-anchor="middle"${dark ? ' fill="#fff"' : ''}>${count}</text>`
  );
});
const lines = Array.from({ length: rooms.length + 1 }, (_, i) => {
  const [x, y] = [left + i * cell, top + i * cell];
  return `<path d="M${left} ${y}h${size}M${x} ${top}v${size}"/>`;
});

const width = left + size + 70;
const height = top + size + 16;
writeFileSync(
  new URL('../docs/images/rooms.svg', import.meta.url),
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12" fill="#222">
<title>Imports between rooms: a row imports from its columns</title>
<style>.faint { fill: #777 }</style>
<rect width="${width}" height="${height}" fill="#fff"/>
<text class="faint" x="${left - 10}" y="${top - 10}" text-anchor="end">files</text>
<g stroke="#e4e4e4">${lines.join('')}</g>
${rows.join('\n')}
${cells.join('\n')}
</svg>
`,
);
