import { toRows } from '../numeric/matrix.ts';
import { type ContextFamily, contextFamilies, nearTriples } from './context-families.ts';
import {
  type InjectivityComparison,
  kernelQuestions,
  type SmallestValue,
} from './injectivity-comparison.ts';

/** A singular value is told from 0 where it stands this many times above its rounding. */
const clear = 100;

export type Answer = 'independent' | 'dependent' | 'open';

/** `dependent`: as far as rounding can tell. */
export function answerOf({ smallest, rounding }: SmallestValue): Answer {
  if (smallest > clear * rounding) return 'independent';
  return smallest <= rounding ? 'dependent' : 'open';
}

const families: readonly ContextFamily[] = [...contextFamilies, ...nearTriples];

/** Each family of contexts whose dependence is known, and triples on their way to dependence, under each question in turn. */
export const familyCases = families.flatMap((family) =>
  kernelQuestions.map((question) => ({ family, question })),
);

/** What draws of {@link familyCases} show: one row for each draw, one comparison for each case. */
export interface FamilyAnswers {
  /** Cases in which the design does not give the known answer. */
  readonly wrong: number;
  /** Smallest singular values of the near triples, one row for each draw, and their rounding. */
  readonly near: Readonly<
    Record<
      'ofDesign' | 'ofGradients',
      { readonly rows: readonly (readonly number[])[]; readonly rounding: number }
    >
  >;
  /** Expected answers and spectra, by family and question. */
  readonly numbers: Readonly<Record<string, string | number[] | number[][]>>;
}

export function familyAnswers(
  measured: readonly (readonly InjectivityComparison[])[],
): FamilyAnswers {
  const numbers: Record<string, string | number[] | number[][]> = {};
  const wrong = familyCases.flatMap(({ family, question }, c) => {
    const name = `${family.name}.${question.part}`;
    const known = question.modulo === 'affine' ? family.moduloAffine : family.moduloConstants;
    const draws = measured.map((row) => row[c]);
    numbers[`${name}.expected`] = known;
    numbers[`${name}.design.singularValues`] = draws.map(({ design }) =>
      Array.from(design.singularValues),
    );
    numbers[`${name}.gradients.smallest`] = draws.map(({ ofGradients }) => ofGradients.smallest);
    numbers[`${name}.kernel.lambdaMin`] = draws.map(({ kernel }) => kernel.smallest);
    numbers[`${name}.kernel.lambdaMax`] = draws.map(({ kernel }) => kernel.largest);
    return draws.filter(({ ofDesign }) => answerOf(ofDesign) !== known);
  });
  const near = familyCases.flatMap(({ family, question }, c) =>
    nearTriples.includes(family) && question.part === 'all' ? [c] : [],
  );
  const fall = (part: 'ofDesign' | 'ofGradients') => ({
    rows: measured.map((row) => near.map((c) => row[c][part].smallest)),
    rounding: Math.max(...measured.flatMap((row) => near.map((c) => row[c][part].rounding))),
  });
  const falls = { ofDesign: fall('ofDesign'), ofGradients: fall('ofGradients') };
  return { wrong: wrong.length, near: falls, numbers };
}

/** The spectra and dependencies of one family under both questions: scores alone, then scores and values. */
export function spectraOfFamily([affine, constant]: readonly InjectivityComparison[]) {
  return {
    'design.singularValues': Array.from(affine.design.singularValues),
    'design.rank': affine.design.rank,
    'design.rankGap': affine.design.rankGap,
    'design.interval': affine.design.interval,
    'design.verdict': affine.design.verdict,
    'designModuloConstants.singularValues': Array.from(constant.design.singularValues),
    'designModuloConstants.verdict': constant.design.verdict,
    'kernel.lambdaMin': constant.kernel.smallest,
    'kernel.lambdaMax': constant.kernel.largest,
    'gradients.smallest': constant.ofGradients.smallest,
    'gradients.largest': constant.ofGradients.largest,
    'kernelOfScores.lambdaMin': affine.kernel.smallest,
    'kernelOfScores.lambdaMax': affine.kernel.largest,
    'gradientsOfScores.smallest': affine.ofGradients.smallest,
    'gradientsOfScores.largest': affine.ofGradients.largest,
    dependency: toRows(affine.design.dependencies),
    dependencyModuloConstants: toRows(constant.design.dependencies),
  };
}
