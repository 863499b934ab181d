import * as z from 'zod';
import {
  flippedLabels,
  type StabilityCase,
  type StabilityRecord,
  stabilityRecord,
} from '../../control/optimum/changed-laws.ts';
import { logitsOf } from '../../control/optimum/neighbouring-laws.ts';
import { solveModel } from '../../control/optimum/optimum.ts';
import type { Backend } from '../../kernels/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import { bound, type Check } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import type { Mark } from '../figure.ts';
import { controlProblems, dataOf, problemModel } from './control-problems.ts';
import { surelyWrongModel } from './extremal-problems.ts';
import { optimumFound, solutionActs, solutionEvidence } from './solution-conditions.ts';

const given = controlProblems({
  shared: {
    layers: z.int().min(1).max(128).default(8).describe('L'),
    perturbations: z
      .array(z.number().positive())
      .min(1)
      .default([0.01, 0.1, 0.5])
      .describe('deviations of the noise added to all inputs'),
    flips: z
      .array(z.int().min(1))
      .min(1)
      .default([1, 2])
      .describe('how many labels are changed, where the logits differ most'),
  },
  full: { problems: 16 },
  pieces: (given) => (given.explicit ? 1 : given.problems + 1),
});

type Given = ReturnType<typeof given.parse>;

function measureProblem(
  backend: Backend,
  given: Given,
  { seed, index }: { readonly seed: number; readonly index: number },
): StabilityRecord {
  const options = { seed, index, layers: given.layers };
  const data = dataOf(given, seed, index);
  const model = problemModel(backend, given, options);
  const original = { model, optimum: solveModel(model) };
  const logits = logitsOf(model, original.optimum);
  const changed = (change: Partial<typeof data>) =>
    problemModel(backend, given, { ...options, data: { ...data, ...change } });
  const noise = given.perturbations.map((size) => {
    const random = randomStream(seed, `perturbation ${size}`, index);
    const h0 = data.h0.map((rows) => rows.map((row) => row.map((x) => x + size * random.normal())));
    return { of: 'inputs' as const, name: `inputs ± ${size}`, model: changed({ h0 }) };
  });
  const flips = given.flips.map((count) => {
    const labels = flippedLabels(data.labels, logits, count);
    return { of: 'labels' as const, name: `${count} changed`, model: changed({ labels }) };
  });
  return stabilityRecord(original, [...noise, ...flips], false);
}

/** What changes of data laws say. */
export function stabilityConclusion(records: readonly StabilityRecord[]): Conclusion {
  const cases = records.flatMap((record) => record.cases);
  const solved = records.flatMap((record) => record.solved);
  const asked = records
    .filter(({ extremal }) => !extremal)
    .map(({ solved: [original] }) => original);
  const check = (of: StabilityCase['of'], what: string): Check =>
    bound({
      name: `|V(ρ) − V(ρ′)| over Lip · W₁(ρ, ρ′), ${what}`,
      failsIf: 'the optimal value changes by more than the data law does, times Lip',
      pairs: cases
        .filter((one) => one.of === of)
        .map((one) => ({ value: one.change, bound: one.bound })),
      rounding: 1e-10,
    });
  const [labels, inputs] = [check('labels', 'labels changed'), check('inputs', 'inputs moved')];
  const names = [...new Set(cases.map(({ name }) => name))];
  return {
    hypotheses: [],
    resolution: [...solutionActs(asked), optimumFound(solved)],
    checks: [labels, inputs],
    evidence: {
      ...Object.fromEntries(
        names.map((name) => [
          `ratio.${name}`,
          cases
            .filter((one) => one.name === name && one.bound > 0)
            .map((one) => one.change / one.bound),
        ]),
      ),
      'values.changes': cases.map(({ change }) => change),
      'bounds.values': cases.map((one) => one.bound),
      'constants.lipschitz': cases.map(({ lipschitz }) => lipschitz),
      'constants.source':
        'Lip = √2‖U pool‖e^{L_hT}, L_h measured along the paths of both laws under both optima; a changed label costs the largest difference of two logits, divided by Lip',
      ...solutionEvidence(solved),
    },
    summary: `Over ${cases.length} changes of the data law |V(ρ) − V(ρ′)| reaches ${labels.measured.toPrecision(2)} of Lip · W_1(ρ, ρ′) for labels and ${inputs.measured.toPrecision(2)} for inputs.`,
    figures: [
      {
        id: 'A.stability',
        title: 'Optimal values of neighbouring data laws',
        caption:
          'Change of the optimal value against the bound Lip · W_1, for moved inputs and changed labels. Expected: below the dashed line.',
        x: { label: 'Lip · W_1(ρ, ρ′)', scale: 'log' },
        y: { label: '|V(ρ) − V(ρ′)|', scale: 'log' },
        marks: [
          ...names.map((series): Mark => {
            const drawn = cases.filter((one) => one.name === series && one.change > 0);
            const x = drawn.map((one) => one.bound);
            return { kind: 'dots', series, x, y: drawn.map(({ change }) => change) };
          }),
          boundLine(cases.map((one) => one.bound).filter((x) => x > 0)),
        ],
      },
    ],
  };
}

function boundLine(bounds: readonly number[]): Mark {
  const ends = bounds.length === 0 ? [] : [Math.min(...bounds), Math.max(...bounds)];
  return { kind: 'reference', label: 'bound', x: ends, y: ends };
}

/** Optimal values are Lipschitz in the data law (arXiv 2606.23235). */
export const stability = claim<Given, StabilityRecord>({
  id: 'A.stability',
  title: 'Stability of the optimal value in the data',
  statement: "$|V(\\rho) - V(\\rho')| \\le \\mathrm{Lip}\\cdot W_1(\\rho, \\rho')$.",
  trust: { statement: 'P' },
  given,
  measure({ backend, given, seed, index }) {
    if (given.explicit || index < given.problems)
      return measureProblem(backend, given, { seed, index });
    const { layers } = given;
    const model = surelyWrongModel(backend, given, { seed, layers });
    const original = { model, optimum: solveModel(model) };
    const changes = given.perturbations.map((along) => ({
      of: 'inputs' as const,
      name: `surely wrong, moved by ${along}`,
      model: surelyWrongModel(backend, given, { seed, layers, along }),
    }));
    return stabilityRecord(original, changes, true);
  },
  conclude: (records) => stabilityConclusion(records),
});
