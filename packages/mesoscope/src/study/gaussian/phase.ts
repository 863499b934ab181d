import { z } from 'zod';
import type { Figure, Mark } from '../../claims/figure.ts';
import { parseConfiguration } from '../../configuration/parse.ts';
import { MesoscopeError } from '../../errors.ts';
import { regimes } from '../../gaussian/classify.ts';
import {
  blowUpBoundary,
  classifyGrid,
  definitenessBoundary,
  type LayerFamily,
  type PhaseGrid,
  type PhaseRows,
} from '../../gaussian/phase.ts';
import { riccatiForm } from '../../gaussian/riccati.ts';
import { gaussianFlowSchema, lawOfInstance, layerOfInstance } from '../../gaussian/schema.ts';
import type { Study, StudyContext, StudyResult } from '../study.ts';

const axis = (path: string) =>
  z
    .strictObject({
      path: z
        .string()
        .min(1)
        .describe('what varies, as heads.0.B.0.1 (an entry, set) or heads.0.B (a matrix, scaled)'),
      from: z.number(),
      to: z.number(),
      points: z.int().min(2).max(400).default(41),
    })
    .refine(({ from, to }) => to > from, { message: 'to must exceed from' })
    .default({ path, from: -2, to: 2, points: 41 });

const phaseSchema = z.strictObject({
  seed: z.int().min(0).default(1),
  flow: gaussianFlowSchema
    .default({
      law: {
        mean: [0, 0],
        covariance: [
          [1, 0.3],
          [0.3, 0.7],
        ],
      },
      attention: 'softmax',
      heads: [
        {
          V: [
            [1, 0],
            [0, 1],
          ],
          B: [
            [1, 0.4],
            [-0.4, -0.6],
          ],
        },
      ],
      W: [
        [1, 0.3],
        [-0.3, 0.8],
      ],
      horizon: 10,
    })
    .describe('the layer and law that the two parameters change'),
  x: axis('heads.0.B.0.0'),
  y: axis('W'),
});

type Phase = z.infer<typeof phaseSchema>;

async function run(configuration: Phase, context: StudyContext): Promise<StudyResult> {
  const { x, y } = configuration;
  const grid: PhaseGrid = { x: equidistant(x), y: equidistant(y) };
  const family = familyOf(configuration);
  family(x.from, y.from);
  const rows: PhaseRows[] = [];
  for (let row = 0; row < y.points && context.signal?.aborted !== true; row++) {
    rows.push(classifyGrid(family, grid, { rows: { from: row, to: row + 1 } }));
    context.progress(row + 1, y.points, 'rows of the diagram');
    await new Promise((resume) => setTimeout(resume, 0));
  }
  const kinds = rows.flatMap((part) => part.regimes);
  const done = { x: grid.x, y: grid.y.slice(0, rows.length) };
  const times = rows.flatMap((part) => Array.from(part.blowUpTimes));
  const dimensions = rows.flatMap((part) => Array.from(part.dimensions));
  const complete = rows.length === y.points;
  const shape = [rows.length, x.points];
  return {
    claims: [],
    sections: [
      {
        kind: 'figure',
        figure: diagram(
          configuration,
          done,
          labels(kinds, dimensions),
          complete ? boundaries(family, grid) : [],
        ),
      },
      ...(times.some((t) => t > 0)
        ? [{ kind: 'figure' as const, figure: timesFigure(configuration, done, times) }]
        : []),
      {
        kind: 'table',
        title: 'Regimes',
        columns: ['regime', 'share of the grid'],
        rows: regimes
          .filter((regime) => kinds.includes(regime))
          .map((regime) => [
            regime,
            `${((100 * kinds.filter((kind) => kind === regime).length) / kinds.length).toFixed(1)} %`,
          ]),
        note: 'stable: tends to a covariance of full rank; collapse: to one of lower rank; growth: unbounded, finite at every depth; blow-up: infinite at a finite depth; bounded: no limit seen.',
      },
    ],
    arrays: {
      x: { shape: [grid.x.length], data: Float64Array.from(grid.x) },
      y: { shape: [done.y.length], data: Float64Array.from(done.y) },
      regime: { shape, data: Float64Array.from(kinds, (kind) => regimes.indexOf(kind)) },
      blowUpTime: { shape, data: Float64Array.from(times) },
      dimension: { shape, data: Float64Array.from(dimensions) },
    },
    headline: {
      'grid points': kinds.length,
      ...Object.fromEntries(
        regimes.map((regime) => [regime, kinds.filter((kind) => kind === regime).length]),
      ),
    },
    status: complete
      ? { kind: 'completed', message: `${kinds.length} layers classified.` }
      : { kind: 'interrupted', message: `${rows.length} of ${y.points} rows were classified.` },
  };
}

function equidistant({ from, to, points }: Phase['x']): number[] {
  return Array.from({ length: points }, (_, k) =>
    k === points - 1 ? to : from + ((to - from) * k) / (points - 1),
  );
}

/** The flow of the configuration with both parameters put in. @throws MesoscopeError `unknown-name` for a path into nothing */
function familyOf({ flow, x, y }: Phase): LayerFamily {
  return (a, b) => {
    const changed = structuredClone(flow) as unknown;
    place(changed, x.path, a);
    place(changed, y.path, b);
    const instance = parseConfiguration(gaussianFlowSchema, changed);
    return { layer: layerOfInstance(instance), law: lawOfInstance(instance.law) };
  };
}

type Nested = number | Nested[];

function place(root: unknown, path: string, value: number): void {
  const keys = path.split('.');
  let parent: Record<string, unknown> | undefined;
  let node = root;
  for (const key of keys) {
    const known = typeof node === 'object' && node !== null ? Object.keys(node) : [];
    if (!known.includes(key)) {
      throw new MesoscopeError({
        code: 'unknown-name',
        kind: `part of ${path}`,
        received: key,
        known,
      });
    }
    parent = node as Record<string, unknown>;
    node = parent[key];
  }
  const last = keys[keys.length - 1];
  if (parent === undefined || !(typeof node === 'number' || Array.isArray(node))) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path,
      received: typeof node,
      expected: 'a number or a matrix',
    });
  }
  const scaled = (given: Nested): Nested =>
    typeof given === 'number' ? value * given : given.map(scaled);
  parent[last] = typeof node === 'number' ? value : scaled(node as Nested);
}

function labels(kinds: readonly string[], dimensions: readonly number[]): string[] {
  return kinds.map((kind, i) => {
    if (kind !== 'collapse') return kind;
    return dimensions[i] === 0 ? 'collapse to a point' : `collapse to dimension ${dimensions[i]}`;
  });
}

function boundaries(family: LayerFamily, grid: PhaseGrid): Mark[] {
  const layer = family(grid.x[0], grid.y[0]).layer;
  if (riccatiForm(layer) === null) return [];
  return [
    { kind: 'dots', series: 'blow-up, closed form', ...blowUpBoundary(family, grid) },
    { kind: 'dots', series: 'λ_max(M) = 0', ...definitenessBoundary(family, grid) },
  ].filter((mark) => mark.x.length > 0) as Mark[];
}

function axisLabel({ path }: Phase['x']): string {
  return /\d$/.test(path) ? path : `factor of ${path}`;
}

function diagram({ x, y }: Phase, grid: PhaseGrid, categories: string[], over: Mark[]): Figure {
  return {
    id: 'phase',
    title: 'What the covariance does in the long run',
    caption:
      'Each point is a constant layer, classified by following its flow. Dots: boundaries in closed form, found without a flow, where the values are multiples of the identity.',
    x: { label: axisLabel(x) },
    y: { label: axisLabel(y) },
    marks: [{ kind: 'regions', x: grid.x, y: grid.y, categories }, ...over],
  };
}

function timesFigure({ x, y }: Phase, grid: PhaseGrid, times: readonly number[]): Figure {
  return {
    id: 'blow-up-times',
    title: 'Depth of the blow-up',
    caption: 'Where the covariance becomes infinite, after which depth. Empty: no blow-up.',
    x: { label: axisLabel(x) },
    y: { label: axisLabel(y) },
    marks: [
      {
        kind: 'heatmap',
        x: grid.x,
        y: grid.y,
        values: times.map((t) => (t > 0 ? t : Number.NaN)),
        valueLabel: 'blow-up depth t*',
        scale: 'log',
      },
    ],
  };
}

/** Phase diagrams of constant layers. */
export const phaseStudy: Study<Phase> = {
  name: 'gaussian/phase',
  title: 'Phase diagram of a constant layer',
  description:
    'Classifies constant layers on a Gaussian law over any two parameters: stable, collapse, growth, blow-up; with boundaries in closed form.',
  papers: ['C'],
  schema: phaseSchema,
  run,
};
