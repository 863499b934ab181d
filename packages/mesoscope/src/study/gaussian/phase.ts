import type { Figure, Mark } from '../../claims/figure.ts';
import { regimes } from '../../gaussian/classify.ts';
import { classifyGrid, type PhaseGrid, type PhaseRows } from '../../gaussian/phase.ts';
import {
  type BoundaryKind,
  boundaryCrossings,
  boundaryCurve,
  boundaryKinds,
  type LineCrossings,
} from '../../gaussian/phase-boundary.ts';
import { riccatiForm } from '../../gaussian/riccati.ts';
import type { Study, StudyResult } from '../study.ts';
import { familyOf, gridOf, type Phase, phaseSchema } from './phase-family.ts';

/** One line of the grid: what is on it, and where boundaries in closed form cross it. */
interface PhaseLine {
  /** Of a row; undefined for a column, which is there for its crossings only. */
  readonly rows?: PhaseRows;
  /** Undefined where there is no closed form. */
  readonly crossings?: LineCrossings;
}

function finish(configuration: Phase, lines: readonly PhaseLine[]): StudyResult {
  const { x, y } = configuration;
  const grid = gridOf(configuration);
  const rows = lines.flatMap((line) => line.rows ?? []);
  const kinds = rows.flatMap((part) => part.regimes);
  const times = rows.flatMap((part) => part.blowUpTimes);
  const dimensions = rows.flatMap((part) => part.dimensions);
  const shape = [y.points, x.points];
  const crossings = lines.flatMap((line) => line.crossings ?? []);
  const over = crossings.length > 0 ? boundaries(grid, crossings) : [];
  return {
    claims: [],
    sections: [
      {
        kind: 'figure',
        figure: diagram(configuration, grid, labels(kinds, dimensions), over),
      },
      ...(times.some((t) => t > 0)
        ? [{ kind: 'figure' as const, figure: timesFigure(configuration, grid, times) }]
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
        note: 'stable: tends to a covariance of full rank; collapse: to one of lower rank; growth: unbounded, finite at every depth; blow-up: infinite at a finite depth; bounded: no limit seen as far as the flow was followed.',
      },
    ],
    arrays: {
      x: { shape: [x.points], data: Float64Array.from(grid.x) },
      y: { shape: [y.points], data: Float64Array.from(grid.y) },
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
    status: { kind: 'completed', message: `${kinds.length} layers classified.` },
  };
}

/** Whether the values are multiples of the identity, so that boundaries are known without a flow; columns are scanned only then. */
function hasClosedForm(configuration: Phase): boolean {
  const { x, y } = configuration;
  const family = familyOf(configuration);
  // In general position a family that leaves that form does so between its corners.
  return [x.from, x.to].every((a) =>
    [y.from, y.to].every((b) => riccatiForm(family(a, b).layer) !== null),
  );
}

/** Rows, and columns where they have boundaries. A family that a path does not fit is refused here, before any work. */
function linesOf(configuration: Phase): number {
  const { x, y } = configuration;
  familyOf(configuration)(x.from, y.from);
  return y.points + (hasClosedForm(configuration) ? x.points : 0);
}

/** The piece of this study: rows of the diagram first, then its columns. */
function computeLine(configuration: Phase, index: number): PhaseLine {
  const family = familyOf(configuration);
  const grid = gridOf(configuration);
  const row = index < grid.y.length;
  const at = row ? index : index - grid.y.length;
  const closed = hasClosedForm(configuration);
  const line = row ? 'row' : 'column';
  return {
    ...(row ? { rows: classifyGrid(family, grid, { rows: { from: at, to: at + 1 } }) } : {}),
    ...(closed ? { crossings: boundaryCrossings(family, grid, { line, index: at }) } : {}),
  };
}

function labels(kinds: readonly string[], dimensions: readonly number[]): string[] {
  return kinds.map((kind, i) => {
    if (kind !== 'collapse') return kind;
    return dimensions[i] === 0 ? 'collapse to a point' : `collapse to dimension ${dimensions[i]}`;
  });
}

const boundaryNames: Readonly<Record<BoundaryKind, string>> = {
  'blow-up': 'blow-up',
  definiteness: 'λ(M) = 0',
  drift: 'Re λ(W) = 0',
};

/** @param crossings - of all rows, then of all columns */
function boundaries(grid: PhaseGrid, crossings: readonly LineCrossings[]): Mark[] {
  return boundaryKinds.flatMap((kind): Mark[] => {
    const all = crossings.map((line) => line[kind]);
    const count = grid.y.length;
    const curve = boundaryCurve(grid, all.slice(0, count), all.slice(count));
    return curve.x.length === 0
      ? []
      : [{ kind: 'reference', label: boundaryNames[kind], ...curve }];
  });
}

/** A path in the mathematics' words: `entry (1, 1) of B, head 1` for `heads.0.B.0.0`. */
function axisLabel({ path }: Phase['x']): string {
  const [, head, matrix, entry] = /^(?:heads\.(\d+)\.)?(\w+)((?:\.\d+)*)$/.exec(path) ?? [];
  if (matrix === undefined) return path;
  const whose = head === undefined ? matrix : `${matrix} of head ${Number(head) + 1}`;
  const places = entry
    .split('.')
    .slice(1)
    .map((place) => Number(place) + 1);
  return places.length === 0 ? `factor of ${whose}` : `entry (${places.join(', ')}) of ${whose}`;
}

function diagram({ x, y }: Phase, grid: PhaseGrid, categories: string[], over: Mark[]): Figure {
  return {
    id: 'phase',
    title: 'What the covariance does in the long run',
    caption:
      'Each point is a constant layer, classified by following its flow. Dashed: boundaries in closed form, found without a flow, where the values are multiples of the identity: where predicted blow-ups begin, and where an eigenvalue of M or the real part of one of W changes its sign.',
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
export const phaseStudy: Study<Phase, PhaseLine> = {
  name: 'gaussian/phase',
  title: 'Phase diagram of a constant layer',
  description:
    'Classifies constant layers on a Gaussian law over any two parameters: stable, collapse, growth, blow-up; with boundaries in closed form.',
  papers: ['C'],
  schema: phaseSchema,
  pieces: linesOf,
  label: ({ y }, index) =>
    index < y.points ? 'rows of the diagram' : 'closed forms on the columns',
  piece: (configuration, { index }) => computeLine(configuration, index),
  finish,
};
