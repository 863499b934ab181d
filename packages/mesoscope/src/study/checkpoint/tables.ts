import type { DepthRecord } from '../../checkpoint/probe.ts';
import { mean, medianOfHeads } from '../../claims/checkpoint/depth-curves.ts';
import type { Section } from '../study.ts';

const short = (value: number | undefined) => (value === undefined ? '–' : value.toPrecision(3));

/** Means over inputs, depth by depth. */
export function depthTable(records: readonly DepthRecord[]): Section {
  const over = <T>(list: readonly T[], of: (one: T) => number | null) => {
    const values = list.flatMap((one) => of(one) ?? []);
    return values.length === 0 ? '–' : short(mean(values));
  };
  return {
    kind: 'table',
    title: 'Depth by depth, trained',
    columns: [
      'state',
      'outlier tokens',
      'rank, raw',
      'rank',
      'sliced W2',
      'null',
      'raw',
      'mean share',
      'mean cosine',
      'channel ratio',
      'step',
      'tilt, median head',
      'tilted tokens',
      'sink',
      'entropy',
      'R² affine',
    ],
    rows: records.map(({ name, clouds, layers }) => [
      name,
      over(clouds, (one) => one.outliers.length),
      over(clouds, (one) => one.raw.effectiveRank),
      over(clouds, (one) => one.corrected.effectiveRank),
      over(clouds, (one) => one.gaussianity?.sliced ?? null),
      over(clouds, (one) => one.gaussianity?.nullMean ?? null),
      over(clouds, (one) => one.gaussianityRaw?.sliced ?? null),
      over(clouds, (one) => one.corrected.meanShare),
      over(clouds, (one) => one.corrected.anisotropy),
      over(clouds, (one) => one.corrected.channelRatio),
      over(layers, (one) => one.step.relative),
      over(
        layers,
        medianOfHeads((head) => head.tilt),
      ),
      over(
        layers,
        medianOfHeads((head) => head.tiltedShare),
      ),
      over(
        layers,
        medianOfHeads((head) => head.sink),
      ),
      over(
        layers,
        medianOfHeads((head) => head.entropy),
      ),
      over(
        layers,
        medianOfHeads((head) => head.affineShare),
      ),
    ]),
    note: 'Means over inputs; heads by their median. Distances, ranks and shares without outlier tokens, unless they are called raw.',
  };
}

/** Every head of the first input. */
export function headTable(records: readonly DepthRecord[]): Section {
  return {
    kind: 'table',
    title: 'Head by head, trained, first input',
    columns: [
      'layer',
      'head',
      'tilt',
      'tilted tokens',
      'sink',
      'entropy',
      'closure',
      'predicted',
      'R² affine',
      'Re eig OV < 0',
      'skew share',
      'tr B/(|B|√k)',
    ],
    rows: records.flatMap(({ layers, spectra }, l) =>
      (layers[0]?.heads ?? []).map((head, h) => [
        l,
        h,
        short(head.tilt),
        short(head.tiltedShare),
        short(head.sink),
        short(head.entropy),
        short(head.closure ?? undefined),
        short(head.closurePredicted ?? undefined),
        short(head.affineShare ?? undefined),
        short(spectra[h]?.valueNegative),
        short(spectra[h]?.skewShare),
        short(spectra[h]?.relativeTrace),
      ]),
    ),
  };
}
