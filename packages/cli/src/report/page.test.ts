import { concludeClaim } from 'mesoscope/claims';
import { expect, it } from 'vitest';
import { newRecord } from '../commands/record.ts';
import { exactClaim, toyClaim, toyFinding } from '../toy.fixture.ts';
import { bundleFiles, finishedRecord } from './bundle-files.ts';

const exactFinding = () => concludeClaim(exactClaim, [null], { given: { horizon: 1 }, seed: 1 });

function files() {
  const finding = toyFinding();
  const result = {
    claims: [
      { claim: toyClaim as never, finding, seconds: 1 },
      {
        claim: { ...toyClaim, id: 'A.other' } as never,
        finding: { ...finding, verdict: 'fails' as const },
        seconds: 1,
      },
      {
        claim: exactClaim as never,
        finding: { ...exactFinding(), verdict: 'outside' as const },
        seconds: 1,
      },
      { claim: { ...exactClaim, id: 'C.broken' } as never, error: new Error('a < b'), seconds: 1 },
    ],
    sections: [
      { kind: 'text' as const, title: 'Prose', body: 'With $x^2$ & <b>.' },
      {
        kind: 'table' as const,
        title: 'Table',
        columns: ['L', 'loss'],
        rows: [
          [2, 1e-7],
          [4, 'none'],
        ],
      },
    ],
    arrays: { x: { shape: [1], data: Float64Array.of(1) } },
    headline: { 'bits per character': 2.25, broken: Number.NaN },
    status: { kind: 'diverged' as const, message: 'Norm 1e9 at step 3: try a smaller rate.' },
  };
  const start = newRecord({
    study: 'toy/decay',
    title: 'A <toy>',
    seed: 3,
    configuration: { rate: 1 },
    execution: { backend: 'reference', precision: 'f64', workers: 1 },
    modules: [],
    build: 'reference',
    started: new Date(),
  });
  return bundleFiles(finishedRecord(start, result, { papers: ['D'] }, 2), result, '{}\n');
}

it('holds the files of a bundle, figures of claims under distinct names', () => {
  expect(Object.keys(files()).sort()).toEqual([
    'CITATION.bib',
    'arrays.npz',
    'figures.json',
    'figures/A.toy-order.svg',
    'metrics.jsonl',
    'report.html',
    'run.json',
  ]);
});

it('writes a report that needs no network and no script', () => {
  const html = String(files()['report.html']);
  expect(html).not.toMatch(/<script|<link|\bsrc=|@import|url\(http/);
  expect(html).toContain('<math');
  // The one place is the note that says what stands for it.
  expect(html.match(/\S+ \S+ (NaN|Infinity|undefined)/g)).toEqual([
    '<dt>Note</dt><dd>broken is NaN',
  ]);
  for (const word of ['✓&nbsp;holds', '✗&nbsp;fails', '◌&nbsp;outside', '!&nbsp;stopped']) {
    expect(html).toContain(word);
  }
  for (const text of [
    'A &lt;toy&gt;',
    'fails if the order is not 1',
    'Evidence: 3 quantities',
    'a &lt; b',
    '2.25',
    'Diverged.',
    'try a smaller rate',
    '−1',
  ]) {
    expect(html).toContain(text);
  }
  expect(html).toContain('1 × 10<sup>−7</sup>');
});

it('records and cites exactly what was used', () => {
  const bundle = files();
  const record = JSON.parse(String(bundle['run.json']));
  expect(record.headline).toEqual({ 'bits per character': 2.25, broken: null });
  expect(record.notes[0]).toContain('broken is NaN');
  expect(record.claims.map((claim: { verdict: string }) => claim.verdict)).toEqual([
    'holds',
    'fails',
    'outside',
    null,
  ]);
  const bibliography = String(bundle['CITATION.bib']);
  for (const id of ['2606.23235', '2606.07600', '2605.17660']) expect(bibliography).toContain(id);
  expect(bibliography).not.toContain('2606.10469');
});
