import type { Figure, Mark } from 'mesoscope/claims';
import { configurationDifferences } from 'mesoscope/configuration';
import type { FinishedRun } from '../figures/finished-run.ts';

/** A quantity of two runs; null where a run does not have it. */
export interface Pair<T> {
  readonly name: string;
  readonly one: T | null;
  readonly other: T | null;
}

/** One check of one claim, as run.json holds it. */
export interface CheckNumbers {
  readonly measured: number | null;
  readonly interval: readonly [number, number] | null;
  readonly outcome: string;
}

/** Two runs side by side. */
export interface Comparison {
  readonly names: readonly [one: string, other: string];
  readonly differences: readonly {
    readonly path: string;
    readonly one: unknown;
    readonly other: unknown;
  }[];
  readonly headline: readonly Pair<unknown>[];
  readonly verdicts: readonly Pair<string>[];
  readonly checks: readonly Pair<CheckNumbers>[];
  /** Curves over each other where both runs have a figure, else side by side. */
  readonly figures: readonly Figure[];
}

/** What differs between two runs and what does not: settings, numbers, figures. */
export function compareRuns(
  one: FinishedRun,
  other: FinishedRun,
  names: readonly [string, string],
): Comparison {
  return {
    names,
    differences: configurationDifferences(settings(one), settings(other)),
    headline: pairs(one.record.headline, other.record.headline),
    verdicts: pairs(verdicts(one), verdicts(other)),
    checks: pairs(checks(one), checks(other)),
    figures: one.figures.flatMap((figure) => {
      const second = other.figures.find(({ id }) => id === figure.id);
      return second === undefined ? [] : overlaid(figure, second, names);
    }),
  };
}

function settings({ record }: FinishedRun): object {
  const { study, seed, versions, execution, build, configuration } = record;
  const { backend, precision } = execution;
  return {
    version: versions.mesoscope,
    node: versions.node,
    study,
    seed,
    backend,
    precision,
    build,
    configuration,
  };
}

function verdicts({ record }: FinishedRun): Record<string, string> {
  return Object.fromEntries(record.claims.map(({ id, verdict }) => [id, verdict ?? 'stopped']));
}

function checks({ record }: FinishedRun): Record<string, CheckNumbers> {
  return Object.fromEntries(
    record.claims.flatMap((claim) => {
      const list = claim.checks as readonly (CheckNumbers & { readonly name: string })[];
      return list.map(({ name, measured, interval, outcome }) => [
        `${claim.id}: ${name}`,
        { measured, interval, outcome },
      ]);
    }),
  );
}

function pairs<T>(one: Readonly<Record<string, T>>, other: Readonly<Record<string, T>>): Pair<T>[] {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].map((name) => ({
    name,
    one: one[name] ?? null,
    other: other[name] ?? null,
  }));
}

/** One figure where both can be drawn on the same axes, otherwise both. */
function overlaid(
  first: Figure,
  second: Figure,
  [one, other]: readonly [string, string],
): Figure[] {
  const titled = (figure: Figure, name: string): Figure => ({
    ...figure,
    id: `${figure.id}-${name}`,
    title: `${figure.title}: ${name}`,
  });
  const sameAxes =
    first.x.label === second.x.label &&
    first.y.label === second.y.label &&
    first.x.scale === second.x.scale &&
    first.y.scale === second.y.scale;
  const tiled = [first, second].some(({ marks }) =>
    marks.some((mark) => ['heatmap', 'regions', 'points'].includes(mark.kind)),
  );
  if (!sameAxes || tiled) return [titled(first, one), titled(second, other)];
  const named = (figure: Figure, name: string): Mark[] =>
    figure.marks.map((mark) =>
      'series' in mark ? { ...mark, series: `${mark.series} · ${name}` } : mark,
    );
  const words = (mark: Mark) => ('label' in mark ? `${mark.kind} ${mark.label}` : '');
  const known = new Set(first.marks.map(words));
  const added = named(second, other).filter(
    (mark) => words(mark) === '' || !known.has(words(mark)),
  );
  const { x, y, ...rest } = first;
  const { domain: _x, ...xAxis } = x;
  const { domain: _y, ...yAxis } = y;
  return [
    {
      ...rest,
      x: sameDomain(first.x, second.x) ? x : xAxis,
      y: sameDomain(first.y, second.y) ? y : yAxis,
      marks: [...named(first, one), ...added],
    },
  ];
}

function sameDomain(a: Figure['x'], b: Figure['x']): boolean {
  return JSON.stringify(a.domain) === JSON.stringify(b.domain);
}
