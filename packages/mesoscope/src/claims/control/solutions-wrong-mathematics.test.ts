import { afterAll, describe, expect, it } from 'vitest';
import type { ControlModel } from '../../control/control-model.ts';
import { createControlProblem } from '../../control/create-problem.ts';
import { createFieldEvaluation } from '../../control/field-evaluation.ts';
import { hamiltonianProfile } from '../../control/hamiltonian.ts';
import {
  createLayerHamiltonian,
  type LayerHamiltonian,
  type LayerPlace,
} from '../../control/layer-hamiltonian.ts';
import { augmentedValues } from '../../control/optimum/augmented-hamiltonian.ts';
import { smallestDescent } from '../../control/optimum/descent.ts';
import {
  type SolvedProblem,
  solveModel,
  solveOverDepths,
  summariseSolutions,
} from '../../control/optimum/optimum.ts';
import { recoveryGaps } from '../../control/optimum/recovery-gaps.ts';
import { partOf } from '../../control/parameters.ts';
import type { ControlProblem, ControlTrace } from '../../control/problem.ts';
import { successiveApproximations } from '../../control/solvers/successive-approximations.ts';
import { uniformGrid } from '../../flow/grid.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import type { Claim, Conclusion } from '../claim.ts';
import { dataSource } from '../data-source.ts';
import { drawVerdict } from '../verdict.ts';
import { problemModel } from './control-problems.ts';
import { type HamiltonianPiece, hamiltonian, hamiltonianConclusion } from './hamiltonian.ts';
import { initialisation, initialisationConclusion } from './initialisation.ts';
import { range, rangeConclusion } from './range.ts';
import { recovery, recoveryConclusion } from './recovery.ts';
import { regularity, regularityConclusion } from './regularity.ts';
import { solvers, solversConclusion } from './solver-descent.ts';
import { stability, stabilityConclusion } from './stability.ts';
import { valueGap, valueGapConclusion } from './value-gap.ts';

/** Claims about solutions must notice when what they are measured on is not what they say. */

const backend = await createWasmBackend({ threads: 1 });
const data = dataSource({});
afterAll(() => backend.dispose());

/** An instance with its defaults, and its measured pieces. */
async function measured<G, M>(claim: Claim<G, M>, instance: object) {
  const given = claim.given.parse(instance, 'quick');
  const pieces: M[] = [];
  for (let index = 0; index < claim.given.pieces(given); index++) {
    const context = { backend, data, given, seed: 1, index, progress: () => undefined };
    pieces.push(await backend.scopedAsync(async () => claim.measure(context)));
  }
  return { given, pieces };
}

const verdictOf = (conclusion: Conclusion) => drawVerdict(conclusion).verdict;

type ModelOf = (layers: number) => ControlModel;

const solveBy = (modelOf: ModelOf, depths: readonly number[]): SolvedProblem =>
  backend.scoped(() => summariseSolutions(modelOf, solveOverDepths(backend, depths, modelOf)));

describe('A.value-gap', async () => {
  const { given, pieces } = await measured(valueGap, { problems: 2 });
  const conclude = (solved: readonly SolvedProblem[]) =>
    verdictOf(valueGapConclusion(solved, given));

  it('holds for the right values', () => expect(conclude(pieces)).toBe('holds'));

  it('fails for flows that are too long by what falls like L^−½', () => {
    const modelOf: ModelOf = (layers) =>
      problemModel(
        backend,
        { ...given, horizon: 1 + 0.5 / Math.sqrt(layers) },
        { seed: 1, index: 0, layers },
      );
    expect(conclude([solveBy(modelOf, given.depths)])).toBe('fails');
  });

  it('notices flows that are a tenth longer at every other depth', () => {
    const modelOf: ModelOf = (layers) => {
      const horizon = Math.log2(layers) % 2 === 0 ? 1 : 1.1;
      return problemModel(backend, { ...given, horizon }, { seed: 1, index: 0, layers });
    };
    expect(conclude([solveBy(modelOf, given.depths)])).not.toBe('holds');
  });

  it('fails for layers without their length ε', () => {
    const modelOf: ModelOf = (layers) =>
      problemModel(backend, { ...given, horizon: layers / 8 }, { seed: 1, index: 0, layers });
    expect(conclude([solveBy(modelOf, [2, 4, 8, 16, 32])])).not.toBe('holds');
  });
});

describe('A.regularity', async () => {
  const { given, pieces } = await measured(regularity, { problems: 2, contrasts: 1 });
  const conclude = (records: Parameters<typeof regularityConclusion>[0]) =>
    verdictOf(regularityConclusion(records, given));

  it('holds for the right solutions', () => expect(conclude(pieces)).toBe('holds'));

  it('fails for layers that are long and short by turns', () => {
    const modelOf: ModelOf = (layers) => {
      const model = problemModel(backend, given, { seed: 1, index: 0, layers });
      const grid = uniformGrid(1, layers, (t) => (Math.round(t * layers) % 2 === 0 ? 1.5 : 0.5));
      return {
        ...model,
        problem: createControlProblem(backend, { ...model.problem.options, grid }),
      };
    };
    expect(conclude([{ coercive: solveBy(modelOf, given.depths) }])).toBe('fails');
  });

  it('fails where weak regularisation is strong, and where the H¹ penalty is missing', () => {
    expect(conclude(pieces.map((one) => ({ ...one, weak: one.coercive })))).toBe('fails');
    const [first] = pieces;
    expect(conclude([{ ...first, smooth: first.weak ?? first.coercive }])).not.toBe('holds');
  });
});

describe('A.hamiltonian', async () => {
  const instance = { problems: 2, smoothProblems: 2 };
  const { given, pieces } = await measured(hamiltonian, instance);
  const { smooth: H1 } = {
    smooth: {
      ...given,
      regularisation: given.explicit ? 0 : given.weakRegularisation,
      smoothness: given.explicit ? 0 : given.restoringSmoothness,
    },
  };
  type Wrong = (profile: ReturnType<typeof hamiltonianProfile>, k: number) => number;

  /** The pieces with another Hamiltonian. */
  const withWrong = (
    wrong: Wrong,
    spoil: (trace: ControlTrace, size: number) => void = () => undefined,
  ) =>
    pieces.map((piece, index): HamiltonianPiece => {
      const again = (which: typeof given, { solved }: HamiltonianPiece['coercive']) => {
        const modelOf: ModelOf = (layers) =>
          problemModel(backend, which, { seed: 1, index, layers, smoothness: which.smoothness });
        const profiles = solveOverDepths(backend, given.depths, modelOf, { tolerance: 1e-10 }).map(
          (solution) => {
            const { problem, parameters, batch } = modelOf(solution.layers);
            parameters.set(solution.parameters);
            const trace = problem.trace(parameters, batch);
            spoil(trace, problem.stateLength);
            const profile = hamiltonianProfile(problem, parameters, trace);
            const values = Array.from(profile.values, (_, k) => wrong(profile, k));
            const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
            const square = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
            return {
              layers: values.length,
              depths: [],
              values,
              mean,
              deviation: Math.sqrt(square),
            };
          },
        );
        return { solved, profiles };
      };
      return {
        coercive: again(given, piece.coercive),
        smooth: again(H1, piece.smooth ?? piece.coercive),
      };
    });
  const verdict = (of: readonly HamiltonianPiece[]) => verdictOf(hamiltonianConclusion(of, given));

  it('holds for the right Hamiltonian', () => {
    expect(verdict(pieces)).toBe('holds');
    expect(verdict(withWrong(({ values }, k) => values[k]))).toBe('holds');
  });

  it.each([
    [
      '−3g for +g',
      ({ transport, penalty, kinetic }, k) => transport[k] - 3 * penalty[k] - kinetic[k],
    ],
    ['−g for +g', ({ transport, penalty, kinetic }, k) => transport[k] - penalty[k] - kinetic[k]],
    ['no g', ({ transport, kinetic }, k) => transport[k] - kinetic[k]],
    [
      '+ kinetic energy for −',
      ({ transport, penalty, kinetic }, k) => transport[k] + penalty[k] + kinetic[k],
    ],
    ['no kinetic energy', ({ transport, penalty }, k) => transport[k] + penalty[k]],
    [
      'half of ⟨p, f⟩',
      ({ transport, penalty, kinetic }, k) => transport[k] / 2 + penalty[k] - kinetic[k],
    ],
  ] as [string, Wrong][])('fails with %s', (_, wrong) =>
    expect(verdict(withWrong(wrong))).toBe('fails'),
  );

  it('fails where samples are paired with the costates of others', () => {
    const shifted = (trace: ControlTrace, size: number) => {
      for (const p of trace.costates) {
        const first = p.slice(0, size);
        p.copyWithin(0, size);
        p.set(first, p.length - size);
      }
    };
    expect(verdict(withWrong(({ values }, k) => values[k], shifted))).toBe('fails');
  });
});

describe('A.recovery', async () => {
  const { given, pieces } = await measured(recovery, { problems: 1 });
  const modelOf: ModelOf = (layers) => problemModel(backend, given, { seed: 1, index: 0, layers });
  const solutions = solveOverDepths(backend, given.depths, modelOf);
  const [{ solved }] = pieces;
  const verdict = (gaps: readonly number[]) =>
    verdictOf(recoveryConclusion([{ solved, gaps }], given));

  it('holds for the right gaps', () => expect(verdict(pieces[0].gaps)).toBe('holds'));

  it('fails for controls in reversed order of depth', () => {
    const reversed = solutions.map((solution, i) => {
      if (i < solutions.length - 3) return solution;
      const { layout } = modelOf(solution.layers).problem;
      const parameters = solution.parameters.slice();
      const P = layout.parametersPerLayer;
      const from = partOf(layout, solution.parameters, 'controls');
      const into = partOf(layout, parameters, 'controls');
      for (let k = 0; k < solution.layers; k++) {
        into.set(from.subarray(k * P, (k + 1) * P), (solution.layers - 1 - k) * P);
      }
      return { ...solution, parameters };
    });
    expect(verdict(recoveryGaps(backend, modelOf, reversed))).toBe('fails');
  });

  it('fails against the value of twice the layers', () =>
    expect(
      verdict(
        pieces[0].gaps.map((gap, i) =>
          Math.abs(gap + solutions[i].objective - solutions[i + 1].objective),
        ),
      ),
    ).toBe('fails'));

  it('does not hold for the minimiser of another λ: errors that jump half way have no order', () => {
    const others = solveOverDepths(backend, given.depths, (layers) =>
      problemModel(backend, { ...given, regularisation: 5 }, { seed: 1, index: 0, layers }),
    );
    const mixed = solutions.map((one, i) => (i < solutions.length - 3 ? one : others[i]));
    expect(verdict(recoveryGaps(backend, modelOf, mixed))).toBe('undecided');
  });
});

describe('A.initialisation', async () => {
  const { given, pieces } = await measured(initialisation, { problems: 6 });
  const verdict = (of: typeof pieces) => verdictOf(initialisationConclusion(of, given));

  it('holds for the right starts', () => expect(verdict(pieces)).toBe('holds'));

  it.each(['repeatGaps', 'linearGaps'] as const)('fails where %s are those of θ_ref', (which) => {
    const wrong = pieces.map((piece, index) => ({
      ...piece,
      [which]: given.depths.slice(1).map((layers, i) => {
        const { problem, parameters, batch } = problemModel(backend, given, {
          seed: 1,
          index,
          layers,
        });
        const { objective } = problem.evaluate(parameters, batch);
        return objective - piece.solved.depths[i + 1].objective;
      }),
    }));
    expect(verdict(wrong)).toBe('fails');
  });

  it.each(['last', 'nested'] as const)(
    'does not hold where the two ways are taken for each other: %s',
    (which) => {
      const wrong = pieces.map((piece) => ({
        ...piece,
        [which]: { ...piece[which], gradients: 1 / piece[which].gradients },
      }));
      // Four starts do not contradict at the level of certainty.
      expect(verdict(wrong)).not.toBe('holds');
    },
  );
});

describe('A.range', async () => {
  const { pieces } = await measured(range, { problems: 1 });
  const scaled = (factors: Partial<Record<'size' | 'sharp' | 'pointwise', number>>) =>
    verdictOf(
      rangeConclusion(
        pieces.map((one) => ({
          ...one,
          sizeBound: (factors.size ?? 1) * one.sizeBound,
          sharpBound: (factors.sharp ?? 1) * one.sharpBound,
          pointwiseBounds: one.pointwiseBounds.map((bound) => (factors.pointwise ?? 1) * bound),
        })),
      ),
    );

  it('holds for the right bounds and fails for half of each', () => {
    expect(scaled({})).toBe('holds');
    expect(scaled({ size: 0.5 })).toBe('fails');
    expect(scaled({ sharp: 0.5 })).toBe('fails');
    expect(scaled({ pointwise: 0.5 })).toBe('fails');
  });

  it('fails without √2, and without the growth of costates', () => {
    expect(scaled({ pointwise: Math.SQRT1_2 })).toBe('fails');
    const flat = pieces.map((one) => ({
      ...one,
      pointwiseBounds: one.pointwiseBounds.map(
        (bound, k) => bound / Math.exp(one.stateLipschitz * (1 - one.depths[k])),
      ),
    }));
    expect(verdictOf(rangeConclusion(flat))).toBe('fails');
  });
});

describe('A.stability', async () => {
  const { pieces } = await measured(stability, { problems: 2 });
  const scaled = (of: 'inputs' | 'labels', factor: number) =>
    verdictOf(
      stabilityConclusion(
        pieces.map((record) => ({
          ...record,
          cases: record.cases.map((one) =>
            one.of === of ? { ...one, bound: factor * one.bound } : one,
          ),
        })),
      ),
    );

  it('holds for the right bounds and fails for half of each', () => {
    expect(scaled('inputs', 1)).toBe('holds');
    expect(scaled('inputs', 0.5)).toBe('fails');
    expect(scaled('labels', 0.5)).toBe('fails');
  });

  it('fails without √2, and for changes that are not divided by the number of samples', () => {
    expect(scaled('inputs', Math.SQRT1_2)).toBe('fails');
    expect(scaled('labels', 1 / 6)).toBe('fails');
  });
});

describe('A.solvers', async () => {
  const { given, pieces } = await measured(solvers, { problems: 1 });
  const [record] = pieces;
  const conclude = (change: Partial<typeof record>) =>
    verdictOf(solversConclusion([{ ...record, ...change }], given));
  const modelOf = () =>
    problemModel(backend, given, { seed: 1, index: 0, layers: 8, start: 'random' });

  /** What is minimised where the solver's Hamiltonian is another. */
  const minimised = (
    hamiltonianOf: (problem: ControlProblem, samples: number) => LayerHamiltonian,
  ) => {
    const [model, trial] = [modelOf(), modelOf()];
    solveModel(trial);
    const controls = partOf(trial.problem.layout, trial.parameters, 'controls');
    return augmentedValues(model, controls, 1, hamiltonianOf);
  };

  it('holds for the right runs', () => {
    expect(conclude({})).toBe('holds');
    expect(conclude({ minimised: minimised(createLayerHamiltonian) })).toBe('holds');
  });

  it('fails with ρ for ρ/2', () => {
    const twice = (problem: ControlProblem, samples: number): LayerHamiltonian => {
      const right = createLayerHamiltonian(problem, samples);
      return {
        ...right,
        at: (place, augmentation) =>
          right.at(place, augmentation && { ...augmentation, weight: 2 * augmentation.weight }),
      };
    };
    expect(conclude({ minimised: minimised(twice) })).toBe('fails');
  });

  it.each(['the costate term', 'E⟨p, f⟩'])('fails without %s', (dropped) => {
    const without = (problem: ControlProblem, samples: number): LayerHamiltonian => {
      const right = createLayerHamiltonian(problem, samples);
      const field = createFieldEvaluation(problem, samples);
      const [f, own, reference] = [0, 1, 2].map(() =>
        backend.allocate(samples * problem.stateLength),
      );
      const gradient = backend.allocate(problem.layout.parametersPerLayer);
      let at: (LayerPlace & { theta: typeof f }) | undefined;
      return {
        at(place, augmentation) {
          right.at(place, augmentation);
          if (augmentation !== undefined) at = { ...place, theta: augmentation.theta };
        },
        value(theta, out) {
          const whole = right.value(theta, out);
          if (at === undefined) return whole;
          const { state, costate } = at;
          field.evaluate(state, theta, f);
          if (dropped !== 'the costate term') return whole - field.pair(f, costate) / samples;
          field.pullBack({ state, costate, theta, stateGradient: own, gradient });
          field.pullBack({ state, costate, theta: at.theta, stateGradient: reference, gradient });
          for (let i = 0; i < own.length; i++) own[i] -= reference[i];
          return whole - (0.5 * field.pair(own, own)) / samples;
        },
      };
    };
    expect(conclude({ minimised: minimised(without) })).toBe('fails');
  });

  it('fails where ρ changes nothing', () => {
    const extended = smallestDescent(1, () =>
      backend.scoped(() => successiveApproximations({ ...modelOf(), sweeps: 8 })),
    );
    expect(conclude({ extended, beyond: extended.run })).toBe('fails');
  });
});
