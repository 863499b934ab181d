import { z } from 'zod';
import type { ControlModel } from '../../control/control-model.ts';
import { partOf } from '../../control/parameters.ts';
import { readoutNorm } from '../../control/risk/finite-population.ts';
import { horizonOf } from '../../flow/grid.ts';
import { createFieldProbe } from '../../flow/lipschitz.ts';
import { solveTransport } from '../../law/distance/network-simplex.ts';
import { randomStream } from '../../numeric/random.ts';
import { type ClaimContext, type Finding, judge, legacy } from '../legacy.ts';
import { type Optimum, solveModel, stationaryAssumption } from './optima.ts';
import {
  dataComplete,
  dataOf,
  type OptimumInstance,
  optimumModel,
  optimumShape,
  ownInstance,
} from './optimum-instance.ts';
import { overExperiments } from './over-experiments.ts';

const instanceSchema = z
  .strictObject({
    ...optimumShape,
    layers: z.int().min(1).max(128).default(8).describe('L'),
    perturbations: z
      .array(z.number().positive())
      .min(1)
      .default([0.01, 0.1, 0.5])
      .describe('deviations of the noise added to all inputs'),
    flips: z.array(z.int().min(1)).default([1, 2]).describe('labels that are changed'),
  })
  .refine(...dataComplete);

export type StabilityInstance = z.infer<typeof instanceSchema>;

interface StabilityCase {
  readonly name: string;
  /** |V(ρ) − V(ρ')|. */
  readonly change: number;
  /** `W_1` for the distance |h − h'| of sequences, plus `labelCost` where labels differ. */
  readonly distance: number;
  readonly lipschitz: number;
  readonly optima: readonly Optimum[];
}

/** The value of a data law and of a perturbed one, with the constant that binds them. */
function compare(
  name: string,
  original: { readonly model: ControlModel; readonly optimum: Optimum },
  changed: ControlModel,
): StabilityCase {
  const optimum = solveModel(changed);
  const base = original.model;
  const constants = [base, changed].flatMap((data) =>
    // Each law's paths under either optimum: the values differ by at most the losses' change at one of the two.
    [original.optimum, optimum].map((controls) => lossConstants(data, controls)),
  );
  const inState = Math.max(...constants.map((constant) => constant.state));
  const inLabel = Math.max(...constants.map((constant) => constant.label));
  const labelCost = inLabel / inState;
  return {
    name,
    change: Math.abs(optimum.objective - original.optimum.objective),
    distance: lawDistance(base, changed, labelCost),
    lipschitz: inState,
    optima: [optimum],
  };
}

/**
 * Lipschitz constants of `(h_0, y) ↦ ℓ` under given controls: in h_0 `√2 ‖U‖ e^{L_hT}`, with L_h along the paths; in y the
 * largest difference of two logits.
 */
function lossConstants(model: ControlModel, optimum: Optimum) {
  const { problem, batch } = model;
  const { backend, field, tokens, classes, columns } = problem;
  return backend.scoped(() => {
    const parameters = backend.allocate(optimum.parameters.length);
    parameters.set(optimum.parameters);
    const trace = problem.trace(parameters, batch);
    const probe = createFieldProbe(backend, { field, tokens, samples: batch.samples });
    const { stateLipschitz } = probe.along(trace.states, { tolerance: 1e-3 });
    const stride = trace.logits.length / (batch.samples * classes);
    let label = 0;
    for (let s = 0; s < batch.samples; s++) {
      for (let i = 0; i < columns; i++) {
        const z = Array.from(
          { length: classes },
          (_, c) => trace.logits[(s * classes + c) * stride + i],
        );
        label = Math.max(label, Math.max(...z) - Math.min(...z));
      }
    }
    const state =
      Math.SQRT2 * readoutNorm(model) * Math.exp(stateLipschitz * horizonOf(problem.grid));
    return { state, label };
  });
}

/** `W_1` between two empirical laws of (h_0, y), by exact transport. */
function lawDistance(a: ControlModel, b: ControlModel, labelCost: number): number {
  const samples = a.batch.samples;
  const [x, y] = [a, b].map(({ batch }) => batch.states ?? []);
  const each = x.length / samples;
  const columns = a.problem.columns;
  const cost = new Float64Array(samples * samples);
  for (let i = 0; i < samples; i++) {
    for (let j = 0; j < samples; j++) {
      let square = 0;
      for (let e = 0; e < each; e++) square += (x[i * each + e] - y[j * each + e]) ** 2;
      let differing = 0;
      for (let c = 0; c < columns; c++) {
        if (a.batch.labels[i * columns + c] !== b.batch.labels[j * columns + c]) differing++;
      }
      cost[i * samples + j] = Math.sqrt(square) + (labelCost * differing) / columns;
    }
  }
  const ones = () => new Float64Array(samples).fill(1);
  const { from, to, mass } = solveTransport(cost, ones(), ones());
  return mass.reduce((sum, m, k) => sum + m * cost[from[k] * samples + to[k]], 0) / samples;
}

function measure(
  context: ClaimContext<StabilityInstance>,
  given: StabilityInstance,
  index: number,
): StabilityCase[] {
  const { backend, seed } = context;
  const options = { seed, index, layers: given.layers };
  const data = dataOf(given, seed, index);
  const model = optimumModel(backend, { ...given, ...data }, options);
  const original = { model, optimum: solveModel(model) };
  const classes = data.U.length;
  const changedModel = (change: Partial<typeof data>) => {
    const changed = optimumModel(backend, { ...given, ...data, ...change }, options);
    // From the optimum of the original law: the nearest solution of the other.
    partOf(changed.problem.layout, changed.parameters, 'controls').set(
      partOf(model.problem.layout, original.optimum.parameters, 'controls'),
    );
    return changed;
  };
  const noise = given.perturbations.map((size) => {
    const random = randomStream(seed, `perturbation ${size}`, index);
    const h0 = data.h0.map((rows) => rows.map((row) => row.map((x) => x + size * random.normal())));
    return compare(`inputs ± ${size}`, original, changedModel({ h0 }));
  });
  const flips = given.flips.map((count) => {
    const labels = data.labels.map((label, s) =>
      s >= count
        ? label
        : Array.isArray(label)
          ? label.map((y) => (y + 1) % classes)
          : (label + 1) % classes,
    );
    return compare(
      `${count} label${count === 1 ? '' : 's'} changed`,
      original,
      changedModel({ labels }),
    );
  });
  return [...noise, ...flips];
}

function findingOf(measured: readonly (readonly StabilityCase[])[]): Finding {
  const cases = measured.flat();
  const ratios = cases.map(({ change, distance, lipschitz }) => change / (lipschitz * distance));
  const largest = Math.max(...ratios);
  const expected = { kind: 'at-most', value: 1 } as const;
  const assumptions = [
    stationaryAssumption(cases.map(({ optima }) => optima)),
    {
      name: 'the two laws are different (distance above 0)',
      holds: cases.every(({ distance }) => distance > 0),
      value: Math.min(...cases.map(({ distance }) => distance)),
    },
  ];
  const names = measured[0].map(({ name }) => name);
  return {
    assumptions,
    evidence: {
      ...Object.fromEntries(
        names.map((name, i) => [
          `ratio.${name}`,
          measured.map((row) => row[i].change / (row[i].lipschitz * row[i].distance)),
        ]),
      ),
      'values.changes': cases.map(({ change }) => change),
      'laws.distances': cases.map(({ distance }) => distance),
      'constants.lipschitz': cases.map(({ lipschitz }) => lipschitz),
      'constants.source':
        'Lip = √2‖U‖e^{L_hT}, L_h measured along the paths of both laws under both optima; a changed label costs the largest difference of two logits, divided by Lip',
    },
    measured: largest,
    expected,
    interval: null,
    verdict: judge(assumptions, largest, null, expected),
    summary: `Over ${cases.length} changes of the data law |V(ρ) − V(ρ′)| reaches ${largest.toPrecision(2)} of Lip · W_1(ρ, ρ′).`,
    figures: [
      {
        id: 'A.stability',
        title: 'Optimal values of neighbouring data laws',
        caption:
          'Change of the optimal value against the bound Lip · W_1, for perturbed inputs and changed labels. Expected: below the dashed line.',
        x: { label: 'Lip · W_1(ρ, ρ′)', scale: 'log' },
        y: { label: '|V(ρ) − V(ρ′)|', scale: 'log' },
        marks: [
          ...names.map((series, i) => {
            const drawn = measured
              .map((row) => row[i])
              .filter(({ change, distance }) => change > 0 && distance > 0);
            return {
              kind: 'dots' as const,
              series,
              x: drawn.map(({ lipschitz, distance }) => lipschitz * distance),
              y: drawn.map(({ change }) => change),
            };
          }),
          boundLine(cases),
        ],
      },
    ],
  };
}

function boundLine(cases: readonly StabilityCase[]) {
  const products = cases
    .map(({ lipschitz, distance }) => lipschitz * distance)
    .filter((x) => x > 0);
  const ends = [Math.min(...products), Math.max(...products)];
  return { kind: 'reference' as const, label: 'bound', x: ends, y: ends };
}

async function run(context: ClaimContext<StabilityInstance>): Promise<Finding> {
  const own: OptimumInstance = ownInstance(context);
  const given: StabilityInstance = context.instance ?? { ...instanceSchema.parse({}), ...own };
  const measured = await overExperiments(context, given.problems, 'neighbouring laws', (index) =>
    measure(context, given, index),
  );
  return findingOf(measured);
}

/** Optimal values are Lipschitz in the data law (arXiv 2606.23235). */
export const stability = legacy<StabilityInstance>({
  id: 'A.stability',
  paper: 'A',
  title: 'Stability of the optimal value in the data',
  statement: "$|V(\\rho) - V(\\rho')| \\le \\mathrm{Lip}\\cdot W_1(\\rho, \\rho')$.",
  trust: 'P',
  quantity: 'largest ratio to the bound',
  instance: instanceSchema,
  run,
});
