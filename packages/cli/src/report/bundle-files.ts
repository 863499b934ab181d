import {
  type ClaimOutcome,
  claimDocument,
  encodeNpz,
  type Figure,
  finiteJson,
  type Paper,
  type Reference,
  referencesOf,
  type StudyResult,
} from 'mesoscope';
import type { BundleFiles } from '../bundle/folder.ts';
import { metricsName } from '../bundle/metrics.ts';
import { type RunRecord, recordName, recordText } from '../bundle/record.ts';
import { citationText } from './citation.ts';
import { renderFigure, renderInlineFigure } from './figure.ts';
import { figureArrays } from './figure-data.ts';
import { renderReport } from './page.ts';

/** The record of a run that has come to its end. */
export function finishedRecord(
  record: RunRecord,
  result: StudyResult,
  cites: { readonly papers?: readonly Paper[]; readonly references?: readonly Reference[] },
  seconds: number,
): RunRecord {
  const { value, notes } = finiteJson(result.headline);
  return {
    ...record,
    status: result.status,
    finished: new Date().toISOString(),
    seconds,
    timings: Object.fromEntries(
      result.claims.map((outcome) => [outcome.claim.id, outcome.seconds]),
    ),
    headline: value as RunRecord['headline'],
    claims: result.claims.map(claimDocument),
    references: referencesOf(
      cites.papers ?? [],
      result.claims.map((outcome) => outcome.claim),
      cites.references,
    ),
    notes: [...record.notes, ...notes],
  };
}

/** Every file of a run bundle, by path inside it. */
export function bundleFiles(record: RunRecord, result: StudyResult, metrics: string): BundleFiles {
  const figures = namedFigures(result);
  const files: Record<string, Uint8Array | string> = {
    [recordName]: recordText(record),
    [metricsName]: metrics,
    'arrays.npz': encodeNpz(
      Object.assign({}, result.arrays, ...[...figures.values()].map(figureArrays)),
    ),
    'CITATION.bib': citationText(record.references),
    'report.html': renderReport(record, result, (figure) =>
      renderInlineFigure(figures.get(figure) ?? figure),
    ),
  };
  for (const figure of figures.values()) {
    files[`figures/${figure.id}.svg`] = renderFigure(figure, record);
  }
  return files;
}

/** The figures of a result, with ids that are unique: a repeated one gets `-2`, `-3` …. */
function namedFigures(result: StudyResult): Map<Figure, Figure> {
  const names = new Set<string>();
  return new Map(
    [...figuresOf(result)].map((figure) => {
      let id = figure.id;
      for (let copy = 2; names.has(id); copy++) id = `${figure.id}-${copy}`;
      names.add(id);
      return [figure, { ...figure, id }];
    }),
  );
}

function figuresOf(result: StudyResult): Set<Figure> {
  const ofClaims = result.claims.flatMap((outcome: ClaimOutcome) =>
    'finding' in outcome ? outcome.finding.figures : [],
  );
  const ofSections = result.sections.flatMap((section) => {
    if (section.kind === 'animation') return section.frames;
    return section.kind === 'figure' ? [section.figure] : [];
  });
  return new Set([...ofClaims, ...ofSections]);
}
