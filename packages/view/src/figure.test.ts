import { parseHTML } from 'linkedom';
import type { Figure, Mark } from 'mesoscope/claims';
import { describe, expect, it } from 'vitest';
import { renderFigure, renderInlineFigure, renderPaperFigure } from './figure.ts';

const { document } = parseHTML('<!doctype html><html><body></body></html>');
const canvas = document as unknown as Document;

const provenance = {
  study: 'gallery',
  seed: 1,
  configuration: { note: 'a < b & "c"' },
  versions: { mesoscope: '0.0.0' },
};

const linear = { x: { label: 'depth t' }, y: { label: 'value' } } as const;
const logarithmic = {
  x: { label: 'layers L', scale: 'log', base: 2 },
  y: { label: 'error', scale: 'log' },
} as const;
const layers = [8, 16, 32, 64];
const grid = [0, 1, 2, 3];

function figure(
  id: string,
  marks: readonly Mark[],
  axes: Pick<Figure, 'x' | 'y'> = linear,
): Figure {
  return { id, title: `The mark ${id}`, caption: `What ${id} looks like.`, ...axes, marks };
}

/** Two orders of convergence, in logarithmic axes. */
const orders = figure(
  'orders',
  [
    { kind: 'line', series: 'forward Euler', x: layers, y: layers.map((l) => 0.2 / l) },
    { kind: 'dots', series: 'Heun', x: layers, y: layers.map((l) => 0.06 / l ** 2) },
    { kind: 'reference', label: 'slope −1', x: [8, 64], y: [0.05, 0.05 / 8] },
    { kind: 'reference', label: 'slope −2', x: [8, 64], y: [5e-4, 5e-4 / 64] },
  ],
  logarithmic,
);

/** One figure for each kind of mark, holding every number that must not reach a path. */
const gallery: readonly Figure[] = [
  figure('line', [
    { kind: 'line', series: 'one', x: [0, 1, 2, 3, 4], y: [0, 1, Number.NaN, 1, 2] },
    { kind: 'line', series: 'two', x: [0, 1, 2], y: [2, Infinity, 1] },
  ]),
  figure(
    'dots',
    [
      { kind: 'dots', series: 'measured', x: layers, y: layers.map((l) => 1 / l) },
      {
        kind: 'dots',
        series: 'with interval',
        x: layers,
        y: [0.1, 0.02, 0, 0.001],
        low: [0.05, 0.01, -1, Number.NaN],
        high: [0.2, 0.04, 1, 0.002],
      },
    ],
    logarithmic,
  ),
  figure('points', [
    {
      kind: 'points',
      x: [0, 1, 2, 3],
      y: [2, 1, Number.NaN, 3],
      values: [-1, 0.5, 1, 9],
      valueLabel: 'first variation Ψ',
      valueDomain: [-1, 1],
    },
  ]),
  figure('band', [
    { kind: 'band', series: 'loss', x: grid, low: [0, 1, Number.NaN, 0], high: [1, 2, 3, 1] },
    { kind: 'line', series: 'loss', x: grid, y: [0.5, 1.5, 2, 0.5] },
  ]),
  figure(
    'reference',
    [
      { kind: 'dots', series: 'error', x: layers, y: layers.map((l) => 0.9 / l) },
      { kind: 'reference', label: 'slope −1', x: [8, 64], y: [1 / 8, 1 / 64] },
      { kind: 'reference', label: 'slope −1.05', x: [8, 64], y: [1 / 8, 1 / 70] },
    ],
    logarithmic,
  ),
  figure('rule', [
    { kind: 'line', series: 'loss', x: grid, y: [3, 2, 1.5, 1.4] },
    { kind: 'rule', axis: 'y', at: 2.5, label: 'bigram model' },
    { kind: 'rule', axis: 'x', at: 2, label: 'L doubles' },
    { kind: 'rule', axis: 'x', at: Number.NaN, label: 'never' },
  ]),
  figure('heatmap', [
    {
      kind: 'heatmap',
      x: grid,
      y: [0, 1, 2],
      values: [1, 2, 3, 4, 10, 20, Number.NaN, 40, 0, 200, 300, Infinity],
      valueLabel: 'blow-up time t*',
      scale: 'log',
    },
  ]),
  figure('regions', [
    {
      kind: 'regions',
      x: [1, 10, 100],
      y: [0, 1],
      categories: ['stable', 'stable', 'blow-up', 'stable', 'growth', 'blow-up'],
    },
  ]),
  figure('bars', [
    { kind: 'bars', series: 'draws', x0: [0, 1, 2], x1: [1, 2, 3], y: [3, 7, Number.NaN] },
  ]),
];

/** Rounds coordinates, so that another engine's last digits do not matter. */
function normalised(svg: string): string {
  return svg.replace(/-?\d+\.\d+/g, (number) => String(Math.round(Number(number) * 10) / 10));
}

/** Every tag is closed, in order: the text is well-formed as far as a figure goes. */
function unclosedTags(svg: string): string[] {
  const open: string[] = [];
  for (const [, close, name, , selfClosed] of svg.matchAll(
    /<(\/?)([\w]+)((?:[^">]|"[^"]*")*?)(\/?)>/g,
  )) {
    if (close === '/') expect(open.pop()).toBe(name);
    else if (selfClosed !== '/') open.push(name);
  }
  return open;
}

describe.each(gallery.map((entry) => [entry.id, entry] as const))('mark %s', (id, entry) => {
  const svg = renderFigure(entry, provenance, canvas);

  it('looks as in the gallery', async () => {
    await expect(normalised(svg)).toMatchFileSnapshot(`gallery/${id}.svg`);
  });

  it('holds no NaN and no infinity, and closes its tags', () => {
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(unclosedTags(svg)).toEqual([]);
  });
});

it('shows axis labels, series, slopes, title and caption', () => {
  const svg = renderFigure(orders, provenance, canvas);
  for (const text of ['layers L', 'forward Euler', 'Heun', 'slope −1', 'slope −2', '10⁻³', '64']) {
    expect(svg).toContain(text);
  }
  expect(svg).toContain(orders.title);
});

it('writes a number at every tick of a logarithmic axis, and whole ones where all that is drawn is whole', () => {
  const drawn = figure(
    'ticks',
    [{ kind: 'line', series: 'gap', x: [0, 1, 2, 3], y: [0.07, 6, 1, 2] }],
    {
      x: { label: 'round' },
      y: { label: 'gap', scale: 'log' },
    },
  );
  const svg = renderInlineFigure(drawn, canvas);
  const written = [...svg.matchAll(/<text[^>]*>([\d.]+)<\/text>/g)].map(([, text]) => text);
  expect(written).toEqual(['0', '1', '2', '3', '0.1', '0.2', '0.5', '1', '2', '5']);
});

it('embeds configuration and version', () => {
  const svg = renderFigure(gallery[0], provenance, canvas);
  const metadata = /<metadata>(.*)<\/metadata>/.exec(svg)?.[1] ?? '';
  const text = metadata.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&amp;', '&');
  expect(JSON.parse(text)).toEqual({
    program: 'mesoscope 0.0.0',
    study: 'gallery',
    seed: 1,
    configuration: provenance.configuration,
  });
});

it('draws the same figure the same way twice', () => {
  expect(renderInlineFigure(orders, canvas)).toBe(renderInlineFigure(orders, canvas));
});

it.each([
  ['no marks', []],
  ['nothing drawable', [{ kind: 'line', series: 'a', x: [1, 2], y: [Number.NaN, Infinity] }]],
  ['one point', [{ kind: 'dots', series: 'a', x: [1], y: [0] }]],
  ['a constant', [{ kind: 'line', series: 'a', x: [0, 1], y: [5, 5] }]],
] as [string, Mark[]][])('draws a figure with %s', (_, marks) => {
  for (const axes of [linear, logarithmic]) {
    expect(renderFigure(figure('edge', marks, axes), provenance, canvas)).not.toMatch(
      /NaN|Infinity/,
    );
  }
});

it('draws for paper at the width asked for, series told apart without colour', () => {
  const two = figure('two', [
    { kind: 'line', series: 'a', x: [0, 1], y: [0, 1] },
    { kind: 'line', series: 'b', x: [0, 1], y: [1, 0] },
  ]);
  const size = { width: 8.6, fontSize: 8, fontFamily: 'serif' };
  const svg = renderPaperFigure(two, provenance, size, canvas);
  expect(svg).toContain('width="8.600cm"');
  expect(svg).toContain('font-family="serif"');
  expect(svg.match(/stroke-dasharray="5 2\.5"/g)).toHaveLength(2);
  expect(svg).not.toContain(two.caption.repeat(2));
  // Twelve units of the drawing are eight points.
  const units = Number(/viewBox="0 0 ([\d.]+)/.exec(svg)?.[1]);
  expect((units * 8) / 12).toBeCloseTo((8.6 * 72) / 2.54, 6);
});
