import type { CloudMeasures } from '../../gaussian/practice/measure-cloud.ts';
import type { Figure, Mark } from '../figure.ts';

/** Sliced distance over layers with its null. */
export function distanceFigure(
  id: string,
  title: string,
  curves: readonly { readonly series: string; readonly measures: readonly CloudMeasures[] }[],
): Figure {
  const longest = curves.reduce((a, b) => (b.measures.length > a.measures.length ? b : a));
  const whose = curves.length === 1 ? '' : `: ${longest.series}`;
  const marks: Mark[] = [
    {
      kind: 'band',
      series: `Gaussian samples (mean to 95 %)${whose}`,
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
  return {
    id,
    title,
    caption: `Sliced W2 between the tokens and the Gaussian with their moments, in units of √(trΣ/d), after each layer. A curve above the band is not Gaussian: the band is what Gaussian samples show that have the size and covariance of the cloud${curves.length === 1 ? '' : ` of ${longest.series}, and says nothing of the other curves, whose own nulls stand in the tables`}.`,
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
