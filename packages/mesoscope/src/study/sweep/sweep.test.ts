import { expect, it } from 'vitest';
import { parseConfiguration } from '../../configuration/parse.ts';
import { cellTask } from './cell.ts';
import { sweepSchema } from './definition.ts';
import { type CellValues, gridCells } from './grid.ts';
import { refinedCells } from './refine.ts';
import { sweepFigures } from './sweep-figures.ts';
import { type EndedCell, sweepTable, tableText } from './table.ts';

const sweepOf = (input: object) => parseConfiguration(sweepSchema, { study: 'toy', ...input });

it('makes the product of its axes, the last fastest, seeds last', () => {
  const sweep = sweepOf({
    axes: [
      { path: 'heads', values: [1, 2] },
      { path: 'rate', from: 0.01, to: 1, count: 3, scale: 'log' },
    ],
    seeds: 2,
  });
  expect(gridCells(sweep, {})).toEqual([
    [1, 0.01, 1],
    [1, 0.01, 2],
    [1, 0.1, 1],
    [1, 0.1, 2],
    [1, 1, 1],
    [1, 1, 2],
    [2, 0.01, 1],
    [2, 0.01, 2],
    [2, 0.1, 1],
    [2, 0.1, 2],
    [2, 1, 1],
    [2, 1, 2],
  ]);
});

it('takes zipped values together and leaves out what a condition does not meet', () => {
  const sweep = sweepOf({
    axes: [
      {
        zip: [
          { path: 'a', values: [1, 2, 3] },
          { path: 'b.c', values: [9, 8, 7] },
        ],
      },
      { path: 'layers', values: [2, 8] },
    ],
    conditions: [{ left: 'a', is: '<', right: 'layers' }],
  });
  const cells = gridCells(sweep, {});
  expect(cells).toEqual([
    [1, 9, 2],
    [1, 9, 8],
    [2, 8, 8],
    [3, 7, 8],
  ]);
  expect(cellTask(sweep, cells[3], { b: { c: 0, d: 5 } }).configuration).toEqual({
    a: 3,
    b: { c: 7, d: 5 },
    layers: 8,
  });
});

it('changes one number of a default list', () => {
  const sweep = sweepOf({ axes: [{ path: 'flow.mean.1', values: [4] }] });
  const defaults = { flow: { mean: [1, 2, 3], other: 1 } };
  expect(cellTask(sweep, [4], defaults).configuration).toMatchObject({ flow: { mean: [1, 4, 3] } });
});

it('runs a claim as verify of that one claim', () => {
  const sweep = parseConfiguration(sweepSchema, {
    claim: 'A.range',
    axes: [{ path: 'horizon', values: [2] }],
    seeds: [7],
  });
  expect(cellTask(sweep, [2, 7], {})).toEqual({
    study: 'verify',
    configuration: {
      seed: 7,
      setting: 'quick',
      claims: [{ id: 'A.range', instance: { horizon: 2 } }],
    },
  });
});

it.each([
  [{ axes: [{ path: 'a', values: [] }] }, 'axes'],
  [{ axes: [{ path: 'a', from: 0, to: 1, count: 3, scale: 'log' }] }, 'logarithmic'],
  [{ axes: [{ path: 'a', from: 1, to: 1, count: 3 }] }, 'different ends'],
  [
    {
      axes: [
        { path: 'a', values: [1] },
        { path: 'a', values: [2] },
      ],
    },
    'every path once',
  ],
  [{ axes: [{ path: '__proto__.x', values: [1] }] }, '__proto__'],
  [{ axes: [{ path: 'a', from: 0, to: 1, count: 100_000 }], seeds: 10 }, 'at most'],
  [
    {
      axes: [
        {
          zip: [
            { path: 'a', values: [1] },
            { path: 'b', values: [1, 2] },
          ],
        },
      ],
    },
    'one length',
  ],
  [
    { axes: [{ path: 'a', values: [1] }], conditions: [{ left: 'b', is: '<', right: 1 }] },
    'conditions',
  ],
  [{ axis: [] }, 'axes'],
])('refuses %j', (input, words) => {
  expect(() => gridCells(sweepOf(input), {})).toThrow(words);
});

/** Plays rounds until nothing is missing; a cell is what `value` says. */
function refined(input: object, value: (cell: CellValues) => unknown): Map<string, CellValues> {
  const sweep = sweepOf(input);
  const cells = new Map(gridCells(sweep, {}).map((cell) => [JSON.stringify(cell), cell]));
  for (;;) {
    const judged = (cell: CellValues) =>
      cells.has(JSON.stringify(cell)) ? value(cell) : undefined;
    const more = refinedCells(sweep, judged, {});
    if (more.length === 0) return cells;
    for (const cell of more) {
      expect(cells.has(JSON.stringify(cell))).toBe(false);
      cells.set(JSON.stringify(cell), cell);
    }
  }
}

const plane = {
  axes: [
    { path: 'x', from: -1, to: 1, count: 9 },
    { path: 'y', from: -1, to: 1, count: 9 },
  ],
};

it('finds a circle to a width of 1/128 of the side with a tenth of the cells of the whole grid', () => {
  const inside = ([x, y]: CellValues) => (x as number) ** 2 + (y as number) ** 2 < 0.5;
  const rounds = 4;
  const cells = refined({ ...plane, refine: { along: ['x', 'y'], on: 'v', rounds } }, inside);
  const side = 8 * 2 ** rounds;
  expect(cells.size).toBeLessThan((side + 1) ** 2 / 10);
  // Every edge of the finest grid that the circle crosses has both of its ends.
  const at = (i: number) => Number((-1 + (2 * i) / side).toPrecision(12));
  const has = (i: number, j: number) => cells.has(JSON.stringify([at(i), at(j)]));
  for (let i = 0; i <= side; i++) {
    for (let j = 0; j < side; j++) {
      if (inside([at(i), at(j)]) === inside([at(i), at(j + 1)])) continue;
      expect(has(i, j) && has(i, j + 1)).toBe(true);
    }
  }
});

it('follows a boundary that leaves the box in which it was found', () => {
  // A thin wedge whose tip lies in a box with equal corners.
  const wedge = ([x, y]: CellValues) =>
    Math.abs(y as number) < 0.3 * ((x as number) + 0.9) && (x as number) < 0.6;
  const fine = refined({ ...plane, refine: { along: ['x', 'y'], on: 'v', rounds: 4 } }, wedge);
  const tip = [...fine.values()].filter((cell) => wedge(cell)).map(([x]) => x as number);
  expect(Math.min(...tip)).toBeLessThan(-0.8);
});

it('refines an interval, each setting of the other axes for itself, all seeds of a place together', () => {
  const sweep = {
    axes: [
      { path: 'kind', values: ['a', 'b'] },
      { path: 'x', from: 0, to: 1, count: 2 },
    ],
    seeds: 2,
    refine: { along: ['x'], on: 'v', rounds: 5, threshold: 0.3 },
  };
  const cells = [...refined(sweep, ([kind, x]) => (kind === 'a' ? (x as number) : 0)).values()];
  expect(cells.filter(([kind]) => kind === 'b')).toHaveLength(4);
  const a = cells
    .filter(([kind, , seed]) => kind === 'a' && seed === 1)
    .map(([, x]) => x as number);
  const [below, above] = [a.filter((x) => x < 0.3), a.filter((x) => x >= 0.3)];
  expect(Math.min(...above) - Math.max(...below)).toBe(1 / 32);
  expect(cells).toHaveLength(4 + 2 * a.length);
});

it('does not chase a cell that failed', () => {
  const cells = refined({ ...plane, refine: { along: ['x', 'y'], on: 'v', rounds: 2 } }, ([x]) =>
    x === 0 ? null : 'same',
  );
  expect(cells.size).toBe(81);
});

const cell = (values: CellValues, columns: EndedCell['outcome']['columns']): EndedCell => ({
  values,
  outcome: { status: 'completed', message: '', columns },
});

it('writes a table with numbers to the last bit, gaps and quotes', () => {
  const cells = [
    cell([0.1, 1], { order: -1.0000000000000002, verdict: 'holds' }),
    cell([0.2, 1], { order: 'NaN', verdict: 'fails, "badly"' }),
    cell([0.3, 1], { verdict: 'holds' }),
  ];
  expect(tableText(sweepTable(['x', 'seed'], cells))).toBe(
    'x,seed,order,verdict,status\r\n' +
      '0.1,1,-1.0000000000000002,holds,completed\r\n' +
      '0.2,1,NaN,"fails, ""badly""",completed\r\n' +
      '0.3,1,NaN,holds,completed\r\n',
  );
});

it('draws a map where two axes have numbers and a curve with an interval where one has', () => {
  const grid = sweepOf({
    axes: [
      { path: 'x', values: [1, 2] },
      { path: 'y', values: [1, 2] },
    ],
  });
  const places = gridCells(grid, {});
  const map = sweepFigures(
    grid,
    places.map((place) =>
      cell(place, { z: (place[0] as number) * (place[1] as number), word: `${place[0]}` }),
    ),
  );
  expect(map.map(({ title, marks }) => [title, marks.map(({ kind }) => kind)])).toEqual([
    ['z', ['heatmap']],
    ['word', ['regions']],
  ]);
  expect(map[0].marks[0]).toMatchObject({ values: [1, 2, 2, 4] });
  const line = sweepOf({ axes: [{ path: 'x', values: [1, 2] }], seeds: 3 });
  const curves = sweepFigures(
    line,
    gridCells(line, {}).map((place) =>
      cell(place, { z: (place[0] as number) + 0.1 * (place[1] as number) }),
    ),
  );
  expect(curves[0].marks.map(({ kind }) => kind)).toEqual(['band', 'line', 'dots']);
  expect(curves[0].caption).toContain('3 seeds');
});
