import type { EnsembleInputs } from '../../ensemble/inputs.ts';
import {
  firstVariationGradient,
  type MeanFieldSolution,
  solveMeanField,
} from '../../ensemble/mean-field-costate.ts';
import { ensembleLayout } from '../../ensemble/parameters.ts';
import { createParticleMap } from '../../ensemble/particle-map.ts';
import { squareLoss } from '../../ensemble/token-loss.ts';
import { directionalDerivative } from '../../flow/finite-difference.ts';
import type { Backend } from '../../kernels/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import { orderFigure } from '../control/order-figure.ts';
import { overExperiments } from '../control/over-experiments.ts';
import { judgeOrder, rowsOrRow } from '../judge-order.ts';
import { type ClaimContext, type Finding, legacy } from '../legacy.ts';
import { closureError, randomGaussianInputs } from './closure.ts';
import { headPart, randomHeadPath } from './head-path.ts';
import {
  displacedTargets,
  type EnsembleInstance,
  type EnsembleProblem,
  ensembleInstance,
  fittedDepths,
  problemOf,
} from './instance.ts';

const atoms = 4;
const ownDepths = [8, 16, 32, 64, 128];
const differenceTolerance = 1e-6;

interface GradientErrors {
  /** `sup_{l,h} |LH ∂L/∂θ_lh − ∇_θ δL/δν(t_l, θ_h)|` over the largest of the latter. */
  readonly heads: number[];
  /** The same for token and context costates at depth 0. */
  readonly costates: number[];
  /** Discrete adjoint against finite differences, relative. */
  readonly differences: number;
  /** The exact recursion on Gaussian contexts against particles; see {@link closureError}. */
  readonly closure: number | undefined;
}

function measure(
  backend: Backend,
  problem: EnsembleProblem,
  depths: readonly number[],
  gaussians: EnsembleInputs,
): GradientErrors {
  const { discrete, keyDimension, seed } = problem;
  const { dimension: d, contexts, tokens } = discrete;
  const path = randomHeadPath({ dimension: d, keyDimension, atoms }, seed, 0.5);
  const shape = (layers: number) =>
    ensembleLayout({ dimension: d, keyDimension, layers, heads: atoms });
  const targets =
    problem.targets ??
    displacedTargets(Float64Array.from(tokens.flatMap((x) => Array.from(x))), d, 1, seed);
  const loss = squareLoss(targets, d);
  const samples = contexts.length;
  const steps = leastMultiple(depths, 64);
  const solutions = contexts.map((context, i) =>
    solveMeanField({ context, token: tokens[i], heads: path.heads, steps }, (x) =>
      x.map((entry, a) => (entry - targets[i][a]) / samples),
    ),
  );
  const errors = depths.map((layers) =>
    backend.scoped(() => {
      const layout = shape(layers);
      const map = createParticleMap(backend, { layout, inputs: discrete });
      const theta = path.network(layout);
      const gradient = new Float64Array(layout.length);
      map.differentiate(theta, loss.costate, gradient);
      const initial = map.initialCostates(theta, loss.costate);
      const [head, costate] = [newError(), newError()];
      for (let l = 0; l < layers; l++) {
        const at = path.heads(l / layers);
        for (let h = 0; h < atoms; h++) {
          const expected = continuousGradient(at[h], solutions, (l * steps) / layers);
          const found = headPart(layout, gradient, l, h).map((x) => x * layers * atoms);
          head.add(found, expected);
        }
      }
      solutions.forEach((solution, i) => {
        const { costates } = solution.at(0);
        initial.contexts[i].forEach((found, j) => {
          const weight = contexts[i].weights[j];
          costate.add(
            found,
            costates[j].map((q) => weight * q),
          );
        });
        costate.add(initial.tokens[i], costates[costates.length - 1]);
      });
      return { head: head.relative(), costate: costate.relative() };
    }),
  );
  return {
    heads: errors.map((error) => error.head),
    costates: errors.map((error) => error.costate),
    closure: closureError(backend, gaussians, keyDimension, seed),
    differences: backend.scoped(() => {
      const layout = shape(depths[0]);
      const map = createParticleMap(backend, { layout, inputs: discrete });
      const theta = path.network(layout);
      const gradient = new Float64Array(layout.length);
      map.differentiate(theta, loss.costate, gradient);
      const random = randomStream(seed, 'direction');
      const worst = newError();
      for (let r = 0; r < 4; r++) {
        const direction = random.normals(new Float64Array(layout.length));
        const value = () => loss.value(map.forward(theta));
        const { derivative } = directionalDerivative(value, theta, direction);
        const expected = direction.reduce((sum, entry, i) => sum + entry * gradient[i], 0);
        worst.add([derivative], [expected]);
      }
      return worst.relative();
    }),
  };
}

function continuousGradient(
  head: Parameters<typeof firstVariationGradient>[0],
  solutions: readonly MeanFieldSolution[],
  m: number,
): Float64Array {
  return solutions
    .map((solution) => firstVariationGradient(head, solution.at(m), solution.masses))
    .reduce((total, one) => total.map((x, i) => x + one[i]));
}

/** The largest difference over the largest expected number. */
function newError() {
  let [difference, size] = [0, 0];
  return {
    add(found: ArrayLike<number>, expected: ArrayLike<number>) {
      for (let i = 0; i < expected.length; i++) {
        difference = Math.max(difference, Math.abs(found[i] - expected[i]));
        size = Math.max(size, Math.abs(expected[i]));
      }
    },
    relative: () => difference / size,
  };
}

/** The smallest common multiple of the depths that is at least `least`. */
function leastMultiple(depths: readonly number[], least: number): number {
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
  const common = depths.reduce((a, b) => (a * b) / gcd(a, b), 1);
  return common * Math.ceil(least / common);
}

async function run(context: ClaimContext<EnsembleInstance>): Promise<Finding> {
  const depths = fittedDepths(context.instance, ownDepths);
  const count = context.setting === 'full' ? 16 : 4;
  const measured = await overExperiments(context, count, 'gradients three ways', (index) => {
    const problem = problemOf(context, index);
    const gaussians =
      context.instance === undefined ? randomGaussianInputs(problem.seed) : problem.inputs;
    return measure(context.backend, problem, depths, gaussians);
  });
  const closures = measured.flatMap(({ closure }) => (closure === undefined ? [] : [closure]));
  const differences = Math.max(...measured.map((m) => m.differences));
  const heads = judgeOrder({
    x: depths,
    y: measured.map((m) => m.heads),
    order: -1,
    assumptions: [
      {
        name: 'arithmetic in double precision',
        holds: context.backend.precision === 'f64',
        value: context.backend.precision,
      },
    ],
  });
  const costates = judgeOrder({
    x: depths,
    y: measured.map((m) => m.costates),
    order: -1,
    assumptions: [],
  });
  const agrees =
    Math.max(differences, ...closures) <= differenceTolerance && costates.verdict === 'holds';
  return {
    assumptions: heads.assumptions,
    evidence: {
      depths,
      'gradient.errors': rowsOrRow(measured.map((m) => m.heads)),
      'gradient.slope': heads.measured,
      'costates.errors': rowsOrRow(measured.map((m) => m.costates)),
      'costates.slope': costates.measured,
      'costates.interval': costates.interval ?? [],
      'differences.relativeError': differences,
      'closure.relativeErrors': closures,
      ...heads.evidence,
    },
    measured: heads.measured,
    expected: { kind: 'value', value: -1 },
    interval: heads.interval,
    verdict: heads.verdict === 'holds' && !agrees ? 'fails' : heads.verdict,
    summary: `Gradients from the mean-field adjoint are approached like L^${heads.measured.toFixed(3)}, token and context costates like L^${costates.measured.toFixed(3)}; the discrete adjoint and finite differences agree to ${differences.toExponential(1)}${closures.length > 0 ? `, the exact recursion on Gaussian contexts and particles to ${Math.max(...closures).toExponential(1)}` : ''}.`,
    figures: [
      orderFigure({
        id: 'D.gradient',
        title: 'Gradients of finite networks against the mean-field adjoint',
        caption:
          'Largest difference over depths and heads between LH ∂L/∂θ and the gradient of the first variation from the costates of token and context in continuous depth, and the same for the costates at depth 0. Band: range over problems. Expected: order 1.',
        quantity: 'relative difference',
        curves: [
          { series: 'gradient of heads', layers: depths, errors: measured.map((m) => m.heads) },
          {
            series: 'costates of tokens and contexts',
            layers: depths,
            errors: measured.map((m) => m.costates),
          },
        ],
        expected: [{ slope: -1, curve: 0 }],
      }),
    ],
  };
}

/** The conditional Wasserstein gradient from token and context costates (arXiv 2605.17660). */
export const ensembleGradient = legacy<EnsembleInstance>({
  id: 'D.gradient',
  paper: 'D',
  title: 'The gradient of a law of heads',
  statement:
    '$\\nabla_\\theta \\frac{\\delta L}{\\delta\\nu}(s,\\theta) = \\frac1N\\sum_i \\nabla_\\theta\\{\\langle p^i, \\mathrm{Att}_\\theta[\\mu^i](x^i)\\rangle + \\int\\langle q^i, \\mathrm{Att}_\\theta[\\mu^i]\\rangle d\\mu^i\\}$, within $O(1/L)$ of $LH\\,\\partial L/\\partial\\theta_{l,h}$.',
  trust: 'P',
  quantity: 'log–log slope of the difference in L',
  instance: ensembleInstance,
  run,
});
