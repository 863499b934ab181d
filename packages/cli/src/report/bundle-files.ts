import { parseHTML } from 'linkedom';
import {
  type ClaimOutcome,
  type Figure,
  type Paper,
  type Reference,
  referencesOf,
} from 'mesoscope/claims';
import { finiteJson } from 'mesoscope/configuration';
import { encodeNpz } from 'mesoscope/formats';
import type { StudyResult } from 'mesoscope/study';
import {
  figureArrays,
  figureDocument,
  placesInReport,
  renderFigure,
  renderInlineFigure,
} from 'mesoscope-view';
import type { BundleFiles } from '../bundle/folder.ts';
import { metricsName } from '../bundle/pieces.ts';
import { type RunRecord, recordName, recordText } from '../bundle/record.ts';
import { arraysName, figuresName } from '../figures/finished-run.ts';
import { hashedDocuments } from '../input/instance.ts';
import { citationText } from './citation.ts';
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
    claims: hashedDocuments(result.claims),
    references: referencesOf(
      cites.papers ?? [],
      result.claims.map((outcome) => outcome.claim),
      cites.references,
    ),
    notes: [...record.notes, ...notes],
  };
}

const { document } = parseHTML('<!doctype html><html><body></body></html>');
/** Plot draws on this where there is no page. */
const canvas = document as unknown as Document;

/** Every file of a run bundle, by path inside it. */
export function bundleFiles(record: RunRecord, result: StudyResult, metrics: string): BundleFiles {
  const figures = namedFigures(result);
  const places = placesInReport([...figures.keys()]);
  const files: Record<string, Uint8Array | string> = {
    [recordName]: recordText(record),
    [metricsName]: metrics,
    [arraysName]: encodeNpz(
      Object.assign({}, result.arrays, ...[...figures.values()].map(figureArrays)),
    ),
    [figuresName]: figuresText(result, figures),
    'CITATION.bib': citationText(record.references),
    'report.html': renderReport(record, result, (figure) =>
      renderInlineFigure(figures.get(figure) ?? figure, canvas, places.get(figure)),
    ),
  };
  for (const figure of figures.values()) {
    files[`figures/${figure.id}.svg`] = renderFigure(figure, record, canvas);
  }
  return files;
}

/** What there is to know of all figures but their numbers, and which of them are frames of an animation, by its title. */
function figuresText(result: StudyResult, figures: ReadonlyMap<Figure, Figure>): string {
  const titles = new Map(
    result.sections.flatMap((section) =>
      section.kind === 'animation'
        ? section.frames.map((frame) => [frame, section.title] as const)
        : [],
    ),
  );
  const documents = [...figures].map(([given, figure]) => ({
    ...figureDocument(figure),
    animation: titles.get(given),
  }));
  return `${JSON.stringify({ figures: documents }, null, 2)}\n`;
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
