import { mkdirSync, writeFileSync } from 'node:fs';
import type { Figure, StudyResult } from 'mesoscope';
import { it } from 'vitest';
import { newRecord } from './commands/record.ts';
import { bundleFiles, finishedRecord } from './report/bundle-files.ts';
import { claimTable } from './terminal/table.ts';
import { eulerFigure, exactClaim, toyClaim, toyEnvironment } from './toy.fixture.ts';

const n = 60;
const grid = Array.from({ length: n }, (_, i) => 0.1 * 1.08 ** i),
  ygrid = Array.from({ length: n }, (_, i) => i / 10);
const lin = Array.from({ length: 200 }, (_, i) => i / 20);
export const figures: Figure[] = [
  eulerFigure,
  {
    id: 'loss',
    title: 'Held-out loss against time, for each depth of the refinement',
    caption: 'Training by L = 2 → 4 → 8 → 16. The rule marks the bigram model of the same text.',
    x: { label: 'time t (s)' },
    y: { label: 'held-out loss (bits per character)' },
    marks: [
      ...[2, 4, 8, 16].map((L, j) => ({
        kind: 'line' as const,
        series: `L = ${L}`,
        x: lin.slice(j * 50, j * 50 + 50),
        y: lin
          .slice(j * 50, j * 50 + 50)
          .map((t) => 2.2 + 2 * Math.exp(-t / 2) + 0.03 * Math.sin(9 * t)),
      })),
      { kind: 'rule', axis: 'y', at: 3.4, label: 'bigram model 3.40' },
      { kind: 'rule', axis: 'x', at: 7.5, label: 'L = 16 starts' },
    ],
  },
  {
    id: 'phase',
    title: 'Phase diagram',
    caption:
      'Blow-up time over the two parameters; white: none. The dashed line is the closed form.',
    x: { label: 'inverse temperature β', scale: 'log' },
    y: { label: 'drift c' },
    marks: [
      {
        kind: 'heatmap',
        x: grid,
        y: ygrid,
        values: ygrid.flatMap((y) =>
          grid.map((x) => (x * x > y * y * 4 + 20 ? NaN : 1e-3 + Math.exp(-x + y / 3))),
        ),
        valueLabel: 'blow-up time t*',
        scale: 'log',
      },
      { kind: 'reference', label: 't* = ∞', x: [4.5, 6, 8, 10], y: [0.3, 2, 3.3, 4.5] },
    ],
  },
  {
    id: 'regions',
    title: 'Regimes',
    caption: 'Classification by the equilibrium and its Jacobian.',
    x: { label: 'a' },
    y: { label: 'b' },
    marks: [
      {
        kind: 'regions',
        x: ygrid,
        y: ygrid,
        categories: ygrid.flatMap((y) =>
          ygrid.map((x) =>
            x + y < 3 ? 'stable' : x > y ? 'blow-up' : y > 5 ? 'collapse to a line' : 'growth',
          ),
        ),
      },
      { kind: 'line', series: 'closed form', x: [0, 3], y: [3, 0] },
    ],
  },
  {
    id: 'bars',
    title: 'Histogram of limit ranks',
    caption: 'Over 1,000 random draws.',
    x: { label: 'rank' },
    y: { label: 'draws' },
    marks: [
      {
        kind: 'bars',
        series: 'measured',
        x0: [0.5, 1.5, 2.5],
        x1: [1.5, 2.5, 3.5],
        y: [120, 700, 180],
      },
      {
        kind: 'dots',
        series: 'expected',
        x: [1, 2, 3],
        y: [110, 720, 170],
        low: [90, 700, 150],
        high: [130, 740, 190],
      },
    ],
  },
  {
    id: 'tiny',
    title: 'Costate error at the level of rounding',
    caption: 'All values are close to 1e−16.',
    x: { label: 'depth t' },
    y: { label: 'error' },
    marks: [
      {
        kind: 'line',
        series: 'error',
        x: [0, 0.25, 0.5, 0.75, 1],
        y: [1e-16, 3e-16, NaN, 2e-16, 1.5e-16],
      },
      {
        kind: 'dots',
        series: 'error',
        x: [0, 0.25, 0.5, 0.75, 1],
        y: [1e-16, 3e-16, NaN, 2e-16, 1.5e-16],
      },
      { kind: 'rule', axis: 'y', at: 2.2e-16, label: 'machine epsilon' },
    ],
  },
  {
    id: 'many',
    title: 'Seven series',
    caption: 'To see the palette.',
    x: { label: 'x' },
    y: { label: 'y', scale: 'log' },
    marks: [1, 2, 3, 4, 5, 6, 7].flatMap((k) => [
      { kind: 'line' as const, series: `series number ${k}`, x: [1, 2, 3], y: [k, k * 2, k * 1.5] },
      { kind: 'dots' as const, series: `series number ${k}`, x: [1, 2, 3], y: [k, k * 2, k * 1.5] },
    ]),
  },
];
it('looks', async () => {
  const ctx = { backend: {} as never, seed: 1, setting: 'quick' as const, progress() {} };
  const result: StudyResult = {
    claims: [
      { claim: toyClaim as never, finding: await toyClaim.run(ctx), seconds: 3.2 },
      {
        claim: {
          ...toyClaim,
          id: 'A.costate-order',
          title: 'The discrete costate converges',
        } as never,
        finding: await toyClaim.run({ ...ctx, instance: { horizon: 1, bend: 0.3 } }),
        seconds: 3.2,
      },
      {
        claim: { ...toyClaim, id: 'A.recovery', title: 'Recovery by sampling' } as never,
        finding: await toyClaim.run({ ...ctx, instance: { horizon: -1, bend: 0.3 } }),
        seconds: 3.2,
      },
      { claim: exactClaim as never, finding: await exactClaim.run(ctx), seconds: 0.2 },
      {
        claim: { ...exactClaim, id: 'C.broken', title: 'A broken one' } as never,
        error: new Error('singular matrix in the Lyapunov solver'),
        seconds: 0.2,
      },
    ],
    sections: [
      {
        kind: 'text',
        title: 'Held-out predictions',
        body: 'Call me Ishmael. Some years ago—never mind how long precisely—having little or no money in my purse,\nand nothing particular to interest me on shore, I thought I would sail about a little.',
      },
      {
        kind: 'table',
        title: 'Depth refinement',
        columns: ['Layers L', 'Gradient evaluations', 'Held-out loss', 'Stopped because'],
        rows: [
          [2, 400, 3.12345, 'budget spent'],
          [4, 400, 2.7, 'budget spent'],
          [8, 200, 2.5111, 'tolerance reached'],
        ],
        note: 'Losses in bits per character; $L \\to 2L$ by repetition.',
      },
      ...figures.slice(1).map((figure) => ({ kind: 'figure' as const, figure })),
    ],
    arrays: {},
    headline: {
      'held-out bits per character': 2.314,
      'bigram bits per character': 3.402,
      'sequences per second': 1834,
      'gradient, relative error': 3.2e-11,
    },
    status: { kind: 'completed', message: 'done' },
  };
  const record = finishedRecord(
    newRecord({
      study: 'first-look',
      title: 'First look: a transformer on Moby-Dick as a control problem',
      seed: 1,
      configuration: {
        seed: 1,
        corpus: 'moby-dick',
        depths: [2, 4, 8, 16],
        training: { rate: 0.01, batch: 64 },
      },
      execution: { backend: 'wasm', precision: 'f64', workers: 2 },
      build: 'wasm (relaxed SIMD, 2 threads)',
      started: new Date(),
    }),
    result,
    {},
    83.2,
  );
  const files = bundleFiles(record, result, '');
  for (const [k, v] of Object.entries(files)) {
    mkdirSync(`/tmp/look/${k}`.replace(/\/[^/]*$/, ''), { recursive: true });
    writeFileSync(`/tmp/look/${k}`, v);
  }
  console.log(claimTable(result.claims));
});
