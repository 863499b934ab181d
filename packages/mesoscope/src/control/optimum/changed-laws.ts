import { compareLaws, type LawComparison, type SolvedModel } from './neighbouring-laws.ts';
import { numbersOf, type SolvedProblem, summariseSolutions } from './optimum.ts';

/** One change of a data law. */
export interface StabilityCase extends Omit<LawComparison, 'optimum'> {
  readonly of: 'inputs' | 'labels';
  readonly name: string;
}

/** What changes of the data law do to the optimal value of one problem. */
export interface StabilityRecord {
  readonly extremal: boolean;
  readonly cases: readonly StabilityCase[];
  /** The original problem and, after it, those of all changes. */
  readonly solved: readonly SolvedProblem[];
}

/** A problem before and after its changes, `name` and kind of each. */
export function stabilityRecord(
  original: SolvedModel,
  changes: readonly (Pick<StabilityCase, 'of' | 'name'> & {
    readonly model: SolvedModel['model'];
  })[],
  extremal: boolean,
): StabilityRecord {
  const compared = changes.map(({ model, ...named }) => ({
    ...named,
    ...compareLaws(original, model),
  }));
  return {
    extremal,
    cases: compared.map(({ of, name, change, bound, lipschitz }) => {
      return { of, name, change, bound, lipschitz };
    }),
    solved: [
      summariseSolutions(() => original.model, [original.optimum]),
      ...compared.map(({ optimum }) => numbersOf([optimum])),
    ],
  };
}

/** A class for each sample, or a list of them. */
type Labels = (number | number[])[];

/** Changes the labels of the `count` samples for which it changes the loss most, to the class of the farthest logit. */
export function flippedLabels(
  labels: Labels,
  logits: readonly (readonly number[][])[],
  count: number,
): Labels {
  const farthest = (y: number, z: readonly number[]) =>
    z.reduce((best, value, c) => (Math.abs(value - z[y]) > Math.abs(z[best] - z[y]) ? c : best), y);
  const changed = labels.map((label, s) => {
    const old = [label].flat();
    const fresh = old.map((y, i) => farthest(y, logits[s][i]));
    const gain = Math.abs(
      old.reduce((sum, y, i) => sum + logits[s][i][fresh[i]] - logits[s][i][y], 0),
    );
    return { label: Array.isArray(label) ? fresh : fresh[0], gain, s };
  });
  const most = [...changed].sort((a, b) => b.gain - a.gain).slice(0, count);
  return labels.map((label, s) => most.find((one) => one.s === s)?.label ?? label);
}
