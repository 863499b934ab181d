import {
  eigenvalues,
  inverse,
  type Spectrum,
  symmetricEigen,
} from '../../numeric/decompositions.ts';
import {
  add,
  frobeniusNorm,
  type Matrix,
  multiply,
  scale,
  subtract,
  symmetricPart,
  transpose,
} from '../../numeric/matrix.ts';
import { matrixExponential } from '../../numeric/matrix-functions.ts';
import { randomStream } from '../../numeric/random.ts';
import { riccatiEquilibrium } from '../equilibrium.ts';
import { depthsUpTo, type GaussianFlow, gaussianFlow } from '../gaussian-flow.ts';
import { gaussianLayer } from '../layer.ts';
import { unfactored } from '../moments.ts';
import { randomLaw, scalarValueHeads, shiftedMatrix } from '../random-flows.ts';
import { randomCovariance } from '../random-matrices.ts';
import { type RiccatiForm, riccatiForm } from '../riccati.ts';
import { integrateCentred } from './centred-flow.ts';
import type { Compared } from './compared.ts';
import { conditioningOf, type Sign, type Spread, signOf } from './conditioning.ts';
import { compareSpectraAtRest } from './equilibrium-spectrum.ts';

/** The closed form of the Riccati flow held against integration and differentiation. */
export interface EquilibriumApproach {
  /** `V_h = v_hI` under softmax; all numbers below are 0 or empty without. */
  readonly scalarValues: boolean;
  readonly largestOfM: Sign;
  readonly smallestOfW: Sign;
  readonly fullRank: boolean;
  /** Whether the theorem's hypotheses hold. */
  readonly applies: boolean;
  readonly totalValue: number;
  /** Σ*; null where the closed form has none. */
  readonly equilibrium: Matrix | null;
  /** Of the derivative of `Σ ↦ Σ̇` at Σ*. */
  readonly spectrum: Spectrum | null;
  /** Whether the integration reached the depth at which its slowest mode has died, and how it ended. */
  readonly ended: string;
  /** Σ(t) from integration and from `P(t) = P* + e^{−Wᵀt}(P_0 − P*)e^{−Wt}`, at several depths. */
  readonly path: readonly Compared[];
  /** Σ at the last depth, and Σ*. */
  readonly limit: Compared | null;
  /** Power sums of the Jacobian's spectrum, `tr J^k`, and those of `−(λ_i(W) + λ_j(W))`, k = 1, 2, …. */
  readonly powerSums: readonly Compared[];
  /** Real parts of the spectrum of the mean's flow at Σ*, and v̂. */
  readonly meanRates: Compared | null;
  readonly meanStable: boolean | null;
  /** Whether Σ_0 is Σ* up to rounding. */
  readonly atRest: boolean;
  readonly times: readonly number[];
  /** `|Σ(t) − Σ*|/|Σ*|`. */
  readonly distances: readonly number[];
}

/** Steps after which a flow counts as too stiff, or too slow, to be followed. */
const stepLimit = 30_000;

/** Depths at which the path is compared. */
const depths = 10;

/** @param form - the closed form that is held against the flow; default the layer's own */
export function measureApproach(
  flow: GaussianFlow,
  form: RiccatiForm | null = riccatiForm(flow.layer),
): EquilibriumApproach {
  const { layer, start } = flow;
  const d = layer.dimension;
  const fullRank = start.factor.columns === d;
  const smallestOfW = signOf((W) => Math.min(...eigenvalues(W).real), layer.W);
  const nothing = {
    equilibrium: null,
    spectrum: null,
    path: [],
    limit: null,
    powerSums: [],
    meanRates: null,
    meanStable: null,
    atRest: false,
    times: [],
    distances: [],
  };
  if (form === null) {
    const largestOfM = { value: 0, rounding: 0 };
    return {
      scalarValues: false,
      totalValue: 0,
      ended: 'completed',
      largestOfM,
      smallestOfW,
      fullRank,
      applies: false,
      ...nothing,
    };
  }
  const known = {
    scalarValues: true,
    totalValue: form.totalValue,
    largestOfM: signOf((M) => symmetricEigen(symmetricPart(M)).values[d - 1], form.M),
    smallestOfW,
    fullRank,
  };
  const target = riccatiEquilibrium(form);
  const stable = known.largestOfM.value < 0 && smallestOfW.value > 0 && fullRank;
  if (target === null || !stable) {
    return { ...known, ...nothing, applies: stable, ended: 'completed', equilibrium: target };
  }
  const size = frobeniusNorm(target);
  const spread = conditioningOf(form, target);
  const followed = follow(flow, { form, target, slowest: smallestOfW.value, spread });
  const conditioning = spread((_, equilibrium) => equilibrium);
  const start0 = unfactored(start).covariance;
  const atRest = frobeniusNorm(subtract(start0, target)) <= conditioning + 1e-14 * size;
  return {
    ...known,
    applies: true,
    ...followed,
    ...compareSpectraAtRest(layer, form, target, spread),
    equilibrium: target,
    atRest,
  };
}

/** Integrates the covariance until the slowest mode of its inverse is 3e-12 of what it was, and of P*. */
function follow(
  { layer, start }: GaussianFlow,
  {
    form,
    target,
    slowest,
    spread,
  }: {
    readonly form: RiccatiForm;
    readonly target: Matrix;
    readonly slowest: number;
    readonly spread: Spread;
  },
) {
  const P0 = symmetricPart(inverse(unfactored(start).covariance));
  const size = frobeniusNorm(target);
  const climb = Math.log(Math.max(1, frobeniusNorm(P0) * size)) / 2;
  const horizon = (13.3 + climb) / slowest;
  const { fine: flow, coarse } = integrateCentred(layer, start.factor, { horizon, stepLimit });
  const ended = flow.status.kind;
  const covarianceAt = (t: number) => unfactored(flow.at(t)).covariance;
  const times = depthsUpTo(flow.time, 100);
  const distances = times.map((t) => frobeniusNorm(subtract(covarianceAt(t), target)) / size);
  if (coarse?.status.kind !== 'completed') {
    return { ended: coarse?.status.kind ?? ended, times, distances, path: [], limit: null };
  }
  const closed = (t: number) => (form: RiccatiForm, equilibrium: Matrix) =>
    closedCovariance(form, equilibrium, P0, t);
  const compared = depthsUpTo(flow.time, depths)
    .slice(1)
    .map((t) => {
      const found = covarianceAt(t);
      const scale = frobeniusNorm(found);
      const steps = frobeniusNorm(subtract(found, unfactored(coarse.at(t)).covariance));
      return { t, found, scale, steps, predicted: closed(t)(form, target) };
    });
  const stepError = Math.max(...compared.map(({ steps, scale }) => steps / scale));
  const path = compared.map(
    ({ t, found, scale, predicted }): Compared => ({
      difference: frobeniusNorm(subtract(found, predicted)),
      uncertainty: stepError * scale + spread(closed(t)),
      scale,
    }),
  );
  const { found, predicted } = compared[compared.length - 1];
  const limit: Compared = {
    difference: frobeniusNorm(subtract(found, target)),
    uncertainty:
      path[path.length - 1].uncertainty +
      spread((_, equilibrium) => equilibrium) +
      frobeniusNorm(subtract(predicted, target)),
    scale: size,
  };
  return { ended, times, distances, path, limit };
}

/** `Σ(t) = (P* + e^{−Wᵀt}(P_0 − P*)e^{−Wt})^{-1}`. */
function closedCovariance({ W }: RiccatiForm, equilibrium: Matrix, P0: Matrix, t: number): Matrix {
  const target = symmetricPart(inverse(equilibrium));
  const back = matrixExponential(scale(-t, W));
  const moved = multiply(transpose(back), subtract(P0, target), back);
  return symmetricPart(inverse(symmetricPart(add(target, moved))));
}

/** One or two heads with `V_h = v_hI`, M ≺ 0, every eigenvalue of W with positive real part: dimensions 1 to 4. */
export function randomStableFlow(seed: number, index: number): GaussianFlow {
  const stream = randomStream(seed, 'C.stability', index);
  const d = 1 + (index % 4);
  const values = index % 3 === 0 ? [-1] : index % 3 === 1 ? [1.3] : [-1.5, 0.4];
  const M = scale(-1, randomCovariance(stream, d, d, 0.5));
  const layer = gaussianLayer({
    heads: scalarValueHeads(stream, M, values),
    W: shiftedMatrix(stream, d, 1.2),
    b: stream.normals(new Float64Array(d)),
  });
  return gaussianFlow(layer, randomLaw(stream, d), 1);
}
