import type { CloudSeries } from '../../gaussian/practice/cloud-series.ts';
import type { CloudMeasures } from '../../gaussian/practice/measure-cloud.ts';
import type { Figure, Mark } from '../figure.ts';

/** Sliced distance over layers with its null. */
export function distanceFigure(
  id: string,
  title: string,
  curves: readonly { readonly series: string; readonly measures: readonly CloudMeasures[] }[],
): Figure {
  const longest = curves.reduce((a, b) => (b.measures.length > a.measures.length ? b : a));
  const marks: Mark[] = [
    {
      kind: 'band',
      series: longest.series,
      x: longest.measures.map((one) => one.layer),
      low: longest.measures.map((one) => one.nullMean),
      high: longest.measures.map((one) => one.nullHigh),
    },
  ];
  for (const { series, measures } of curves) {
    marks.push({
      kind: 'line',
      series,
      x: measures.map((one) => one.layer),
      y: measures.map((one) => one.sliced),
    });
  }
  const others =
    curves.length === 1
      ? ''
      : ' It belongs to the curve of its colour; the tables hold the others.';
  return {
    id,
    title,
    caption: `Sliced W2 between the tokens and the Gaussian with their moments, in units of √(trΣ/d), after each layer. Band: mean to 95 % of what Gaussian samples show that have the size and covariance of the cloud.${others}`,
    x: { label: 'layer' },
    y: { label: 'sliced W2 / √(trΣ/d)' },
    marks,
  };
}

/** What the closure says of blocks with prescribed attention. */
const prescribedRegimes =
  'K = Q with V = I and K = −Q with V = −I expand the cloud, the other signs contract it.';

/** tr Σ over layers of blocks with prescribed attention. */
export function prescribedTraceFigure(...given: Parameters<typeof traceFigure>): Figure {
  const figure = traceFigure(...given);
  return { ...figure, caption: `${figure.caption} ${prescribedRegimes}` };
}

/** tr Σ over layers. */
export function traceFigure(
  id: string,
  title: string,
  curves: readonly { readonly series: string; readonly measures: readonly CloudMeasures[] }[],
): Figure {
  return {
    id,
    title,
    caption: 'Trace of the covariance of the tokens after each layer.',
    x: { label: 'layer' },
    y: { label: 'tr Σ', scale: 'log' },
    marks: curves.map(({ series, measures }) => ({
      kind: 'line',
      series,
      x: measures.map((one) => one.layer),
      y: measures.map((one) => one.trace),
    })),
  };
}

/** Distances of blocks with random weights, one curve for each name, and traces of those with prescribed attention. */
export function practiceFigures(
  random: readonly CloudSeries[],
  prescribed: readonly CloudSeries[],
): Figure[] {
  if (random.length === 0) return [];
  const curve = ({ name, measures }: CloudSeries) => ({ series: name, measures });
  const drawn = [...new Map(random.map((one) => [one.name, one])).values()];
  const plain = prescribed.filter((one) => !one.normalised);
  const distances = distanceFigure(
    'C.practice',
    'Distance to the moment-matched Gaussian, layer by layer',
    drawn.map(curve),
  );
  if (plain.length === 0) return [distances];
  const traces = prescribedTraceFigure(
    'C.practice-prescribed',
    'Prescribed attention matrices, without normalisation',
    plain.map(curve),
  );
  return [distances, traces];
}
