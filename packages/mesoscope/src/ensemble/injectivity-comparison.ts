import { qrDecomposition, singularValueDecomposition } from '../numeric/decompositions.ts';
import { frobeniusNorm, type Matrix } from '../numeric/matrix.ts';
import { randomStream } from '../numeric/random.ts';
import { attentionJacobian, attentionPairing, gramMatrix } from './attention-jacobian.ts';
import { attentionKernel, type KernelPart, kernelSpectrum } from './attention-kernel.ts';
import { checkedDerivative } from './checked-derivative.ts';
import { contextDeviation, type Injectivity, type Modulo, testInjectivity } from './injectivity.ts';
import type { EnsembleInputs } from './inputs.ts';
import { type EnsembleHead, ensembleLayout, headsAt, randomEnsemble } from './parameters.ts';

/** Parameters that move, and the functions that they do not see. */
export interface KernelQuestion {
  readonly part: KernelPart;
  readonly modulo: Modulo;
}

export const kernelQuestions: readonly KernelQuestion[] = [
  { part: 'query-key', modulo: 'affine' },
  { part: 'all', modulo: 'constant' },
];

/** A smallest singular value and what rounding leaves open of it. */
export interface SmallestValue {
  readonly smallest: number;
  readonly largest: number;
  /** Rounding of the entries moves no singular value further (Weyl): a few ulps of the Frobenius norm. */
  readonly rounding: number;
}

/** Two numbers that should be the same. */
interface Compared {
  readonly difference: number;
  readonly uncertainty: number;
  readonly scale: number;
}

/** Whether contexts are independent, and whether the kernel is injective, from independent computations. */
export interface InjectivityComparison {
  /** Nd, rows of the kernel, and the most rank that the heads can give it. */
  readonly size: number;
  readonly headRank: number;
  readonly design: Injectivity;
  readonly ofDesign: SmallestValue;
  /** Of the parameter gradients whose Gram matrix the kernel is. */
  readonly ofGradients: SmallestValue;
  /** Eigenvalues of the kernel itself. */
  readonly kernel: { readonly smallest: number; readonly largest: number };
  /** `pᵀKp` by the kernel's formula and by finite differences of attention in θ. */
  readonly differences: Compared;
  /** Entries of the kernel by its formula and from the explicit gradients. */
  readonly formula: Compared;
}

/** Ulps that an entry loses: sums of a dozen products. */
const ulps = 8;
/** Heads whose kernel is compared with finite differences. */
const differencedHeads = 2;

/** The computations to compare; others are what a comparison must notice. */
export interface KernelComputations {
  readonly kernel: typeof attentionKernel;
  readonly jacobian: typeof attentionJacobian;
}

const computations: KernelComputations = { kernel: attentionKernel, jacobian: attentionJacobian };

/**
 * Asks one question of contexts and tokens both ways.
 *
 * @param heads - default 32, or four times as many as the rank of Nd needs if each gives d + 2k
 */
export function compareInjectivity(
  { contexts, tokens, dimension: d }: EnsembleInputs,
  { part, modulo }: KernelQuestion,
  given: {
    readonly seed: number;
    readonly keyDimension: number;
    readonly heads?: number | undefined;
  },
  { kernel, jacobian }: KernelComputations = computations,
): InjectivityComparison {
  const { seed, keyDimension } = given;
  const state = { contexts, tokens };
  const size = contexts.length * d;
  const count = given.heads ?? Math.max(32, Math.ceil((4 * size) / (d + 2 * keyDimension)));
  const layout = ensembleLayout({ dimension: d, keyDimension, layers: 1, heads: count });
  const queryKey = headDeviation(contextDeviation(contexts), tokens[0]);
  const heads = headsAt(layout, randomEnsemble(layout, seed, { queryKey }), 0);
  const design = testInjectivity(contexts, { modulo, seed });
  const { singularValues, scale } = design;
  const gradients = jacobian(heads, state, part);
  const formula = kernel(heads, state, part);
  const gram = gramMatrix(gradients);
  const trace = Array.from({ length: size }, (_, i) => gram.data[i * size + i]).reduce(
    (a, b) => a + b,
  );
  const { smallest, largest } = kernelSpectrum(heads, state, part);
  return {
    size,
    headRank: count * (d + keyDimension),
    design,
    ofDesign: {
      smallest: singularValues[singularValues.length - 1],
      largest: singularValues[0],
      rounding: ulps * Number.EPSILON * scale * Math.sqrt(contexts.length),
    },
    ofGradients: smallestSingularValue(gradients),
    kernel: { smallest, largest },
    formula: {
      difference: gram.data.reduce((sup, x, i) => Math.max(sup, Math.abs(x - formula.data[i])), 0),
      uncertainty: ulps * Number.EPSILON * trace,
      scale: trace,
    },
    differences: quadraticForms(heads.slice(0, differencedHeads), state, part, seed, kernel),
  };
}

/**
 * The deviation q of entries of Q and K at which `Bx = KᵀQx/√k`, of entries q²|x|, tilts contexts by about one of their
 * deviations: smaller heads see only their first moments, larger ones only their farthest points.
 */
function headDeviation(spread: number, token: Float64Array): number {
  const tilt = spread * Math.hypot(...token);
  return tilt > 0 ? 1 / Math.sqrt(tilt) : 1;
}

function smallestSingularValue(jacobian: Matrix): SmallestValue {
  const { columns, rows } = jacobian;
  const square = rows > columns ? qrDecomposition(jacobian).R : jacobian;
  const { values } = singularValueDecomposition(square);
  return {
    smallest: rows < columns ? 0 : values[columns - 1],
    largest: values[0],
    rounding: ulps * Number.EPSILON * frobeniusNorm(jacobian),
  };
}

/** `pᵀKp = (1/H) Σ_h |∇_θ Σ_i ⟨p_i, Att_θ[μ^i](x^i)⟩|²` for a normal p. */
function quadraticForms(
  heads: readonly EnsembleHead[],
  state: Parameters<typeof attentionKernel>[1],
  part: KernelPart,
  seed: number,
  kernel: typeof attentionKernel,
): Compared {
  const k = heads[0].Q.rows;
  const d = state.tokens[0].length;
  const p = randomStream(seed, 'kernel form').normals(new Float64Array(state.tokens.length * d));
  const length = 2 * k * d + (part === 'all' ? d * d : 0);
  let [sum, uncertainty] = [0, 0];
  for (const { Q, K, V } of heads) {
    const theta = Float64Array.from([...Q.data, ...K.data, ...V.data]);
    const value = () => attentionPairing(state, p, k, theta);
    const axis = new Float64Array(theta.length);
    for (let i = 0; i < length; i++) {
      axis.fill(0);
      axis[i] = 1;
      const found = checkedDerivative(value, theta, axis, ulps);
      sum += found.derivative ** 2;
      uncertainty += (2 * Math.abs(found.derivative) + found.uncertainty) * found.uncertainty;
    }
  }
  const { data, columns } = kernel(heads, state, part);
  const form = data.reduce(
    (total, x, i) => total + p[Math.floor(i / columns)] * x * p[i % columns],
    0,
  );
  const value = sum / heads.length;
  // The mean of pᵀKp over normal p.
  const trace = Array.from({ length: columns }, (_, i) => data[i * (columns + 1)]);
  return {
    difference: Math.abs(form - value),
    uncertainty: uncertainty / heads.length + ulps * Number.EPSILON * value,
    scale: trace.reduce((total, x) => total + x, 0),
  };
}
