import { solveMeanField } from '../../ensemble/mean-field-costate.ts';
import { ensembleLayout } from '../../ensemble/parameters.ts';
import { createParticleMap } from '../../ensemble/particle-map.ts';
import type { Backend } from '../../kernels/backend.ts';
import { wassersteinDistance } from '../../law/distance/transport.ts';
import { particles } from '../../law/law.ts';
import { spectralNorm } from '../../numeric/decompositions.ts';
import { fromRows } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { orderFigure } from '../control/order-figure.ts';
import { overExperiments } from '../control/over-experiments.ts';
import { fitOrder } from '../convergence-order.ts';
import { judgeOrder, rowsOrRow } from '../judge-order.ts';
import { type ClaimContext, type Finding, judge, legacy } from '../legacy.ts';
import { randomHeadPath } from './head-path.ts';
import {
  type EnsembleInstance,
  type EnsembleProblem,
  ensembleInstance,
  fittedDepths,
  problemOf,
} from './instance.ts';

const atoms = 16;
const headCounts = [1, 2, 4, 8, 16, 32];
const fixedLayers = 16;
const ownDepths = [4, 8, 16, 32, 64, 128];
const repetitions = 64;
const contextShifts = [1e-1, 1e-2, 1e-3];
/** The second order of the smallest change, relative. */
const lipschitzTolerance = 1e-2;

interface LimitErrors {
  /** Law of heads exact, L layers, against continuous depth. */
  readonly depth: number[];
  /** H sampled heads at fixed depth, against all atoms at that depth: root mean square. */
  readonly heads: number[];
  /** One sampled head a layer over L, against all atoms at that depth. */
  readonly single: number[];
  /** `|Δx_1| / W_1(μ, μ')` for shrinking changes of the contexts, the largest over inputs. */
  readonly lipschitz: number[];
  /** `sup_z |∂x_1/∂μ(z)|` over inputs: what the ratios cannot exceed as changes shrink. */
  readonly lipschitzBound: number;
}

function measure(
  backend: Backend,
  problem: EnsembleProblem,
  depths: readonly number[],
): LimitErrors {
  const { discrete, keyDimension, seed } = problem;
  const { dimension } = discrete;
  const path = randomHeadPath({ dimension, keyDimension, atoms }, seed);
  const map = (layers: number, heads: number, inputs = discrete) =>
    createParticleMap(backend, {
      layout: ensembleLayout({ dimension, keyDimension, layers, heads }),
      inputs,
    });
  const finals = (layers: number, inputs = discrete) =>
    backend.scoped(() => {
      const full = map(layers, atoms, inputs);
      return full.forward(path.network(full.layout));
    });
  const limit = Float64Array.from(
    discrete.contexts.flatMap((context, i) =>
      Array.from(
        solveMeanField(
          { context, token: discrete.tokens[i], heads: path.heads, steps: 48 },
          (x) => x,
        ).final,
      ),
    ),
  );
  const sampledError = (layers: number, heads: number) =>
    backend.scoped(() => {
      const exact = finals(layers);
      const sampled = map(layers, heads);
      let squares = 0;
      for (let r = 0; r < repetitions; r++) {
        const stream = randomStream(seed, `sampled heads ${layers} × ${heads}`, r);
        const theta = path.network(sampled.layout, () => stream.integer(atoms));
        squares += distance(sampled.forward(theta), exact) ** 2;
      }
      return Math.sqrt(squares / repetitions);
    });
  const base = finals(fixedLayers);
  return {
    depth: depths.map((layers) => distance(finals(layers), limit)),
    heads: headCounts.map((heads) => sampledError(fixedLayers, heads)),
    single: depths.map((layers) => sampledError(layers, 1)),
    lipschitz: contextShifts.map((size) => {
      const moved = discrete.contexts.map((law, i) => {
        const noise = randomStream(seed, 'context change', i);
        const data = law.points.data.map((x) => x + size * noise.normal());
        return particles({ ...law.points, data }, law.weights);
      });
      const after = finals(fixedLayers, { ...discrete, contexts: moved });
      return Math.max(
        ...moved.map((law, i) => {
          const part = (x: Float64Array) => x.subarray(i * dimension, (i + 1) * dimension);
          const change = distance(part(after), part(base)) * Math.sqrt(dimension);
          return change / wassersteinDistance(discrete.contexts[i], law, { order: 1 }).value;
        }),
      );
    }),
    lipschitzBound: backend.scoped(() => {
      const full = map(fixedLayers, atoms);
      const theta = path.network(full.layout);
      const rows = Array.from({ length: dimension }, (_, a) => {
        const costate = (x: Float64Array) => x.map((_, i) => (i % dimension === a ? 1 : 0));
        return full.initialCostates(theta, costate).contexts;
      });
      return Math.max(
        ...discrete.contexts.flatMap(({ weights }, i) =>
          Array.from(weights, (weight, j) =>
            spectralNorm(fromRows(rows.map((row) => row[i][j].map((q) => q / weight)))),
          ),
        ),
      );
    }),
  };
}

/** Root mean square of the entries of `x − y`. */
function distance(x: Float64Array, y: Float64Array): number {
  return Math.sqrt(x.reduce((sum, entry, i) => sum + (entry - y[i]) ** 2, 0) / x.length);
}

async function run(context: ClaimContext<EnsembleInstance>): Promise<Finding> {
  const depths = fittedDepths(context.instance, ownDepths);
  const count = context.setting === 'full' ? 24 : 8;
  const measured = await overExperiments(context, count, 'random laws of heads', (index) =>
    measure(context.backend, problemOf(context, index), depths),
  );
  const particlesOfHeads = headCounts.map((heads) => heads * fixedLayers);
  const heads = fitOrder({ x: particlesOfHeads, y: measured.map((m) => m.heads) });
  const single = fitOrder({ x: depths, y: measured.map((m) => m.single) });
  const depth = judgeOrder({
    x: depths,
    y: measured.map((m) => m.depth),
    order: -1,
    assumptions: [],
  });
  const expected = { kind: 'value', value: -0.5 } as const;
  const shares = measured.map(
    ({ lipschitz, lipschitzBound }) => lipschitz[lipschitz.length - 1] / lipschitzBound,
  );
  const isLipschitz = Math.max(...shares) <= 1 + lipschitzTolerance;
  const verdicts = [
    judge(depth.assumptions, heads.slope, heads.interval, expected),
    judge([], single.slope, single.interval, expected),
    depth.verdict,
    isLipschitz ? 'holds' : 'fails',
  ] as const;
  return {
    assumptions: depth.assumptions,
    evidence: {
      depths,
      'depth.errors': rowsOrRow(measured.map((m) => m.depth)),
      'depth.slope': depth.measured,
      'depth.interval': depth.interval ?? [],
      'heads.particles': particlesOfHeads,
      'heads.errors': rowsOrRow(measured.map((m) => m.heads)),
      'heads.slope': heads.slope,
      'heads.interval': heads.interval,
      'singleHead.errors': rowsOrRow(measured.map((m) => m.single)),
      'singleHead.slope': single.slope,
      'singleHead.interval': single.interval,
      'lipschitz.shifts': contextShifts,
      'lipschitz.ratios': rowsOrRow(measured.map((m) => m.lipschitz)),
      'lipschitz.bounds': measured.map((m) => m.lipschitzBound),
      'lipschitz.shareOfBound': shares,
    },
    measured: heads.slope,
    expected,
    interval: heads.interval,
    verdict: verdicts.find((verdict) => verdict !== 'holds') ?? 'holds',
    summary: `Sampling heads costs (LH)^${heads.slope.toFixed(3)} at fixed depth and L^${single.slope.toFixed(3)} with one head a layer; depth itself costs L^${depth.measured.toFixed(3)}; a small change of contexts moves the output by at most ${Math.max(...shares).toPrecision(2)} of what the context costates allow for W₁.`,
    figures: [
      {
        ...orderFigure({
          id: 'D.forward-limit.heads',
          title: 'Sampled heads at a fixed depth',
          caption: `Root-mean-square distance of final tokens between networks of ${fixedLayers} layers with H independent heads each and the whole law of heads at the same depth. Band: range over random laws. Expected: order ½.`,
          quantity: 'distance of final tokens',
          curves: [
            { series: 'H heads', layers: particlesOfHeads, errors: measured.map((m) => m.heads) },
          ],
          expected: [{ slope: -0.5, curve: 0 }],
        }),
        x: { label: 'particles LH', scale: 'log', base: 2 },
      },
      orderFigure({
        id: 'D.forward-limit',
        title: 'Finite networks against the infinitely deep and wide one',
        caption:
          'Root-mean-square distance of final tokens: independent heads, one at each depth, against the whole law of heads at the same depth, and the whole law at L layers against continuous depth. Band: range over random laws. Expected: order ½ and order 1.',
        quantity: 'distance of final tokens',
        curves: [
          {
            series: 'one random head a layer',
            layers: depths,
            errors: measured.map((m) => m.single),
          },
          { series: 'whole law of heads', layers: depths, errors: measured.map((m) => m.depth) },
        ],
        expected: [
          { slope: -0.5, curve: 0 },
          { slope: -1, curve: 1 },
        ],
      }),
    ],
  };
}

/** Finite networks approach the infinitely deep and wide forward pass (arXiv 2605.17660). */
export const forwardLimit = legacy<EnsembleInstance>({
  id: 'D.forward-limit',
  paper: 'D',
  title: 'The infinitely deep and wide forward pass',
  statement:
    'With independent heads at each depth, $|x^{L,H} - x_1| = O((LH)^{-1/2}) + O(1/L)$, even at $H = 1$: depth averages; and $x_1$ is Lipschitz in the context for $W_1$.',
  trust: 'P; rate D',
  quantity: 'log–log slope of the sampling error in LH',
  instance: ensembleInstance,
  run,
});
