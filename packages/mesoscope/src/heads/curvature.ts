import { columnStride } from '../kernels/instruction.ts';
import type { Matrix } from '../numeric/matrix.ts';
import { zeros } from '../numeric/matrix.ts';
import { headLength } from './head-law.ts';
import type { HeadProblem, Linearisation } from './problem.ts';

/** The second-order picture of one head in the field of a law. */
export interface HeadCurvature {
  /** `∇_θΨ(θ;ρ)`. */
  readonly gradient: Float64Array;
  /** `H_Ψ = ∇²_θΨ(θ;ρ)`, P × P: the law that makes the residual stays frozen. */
  readonly frozen: Matrix;
  /** `G = E[DΦᵀ(diag p − ppᵀ)DΦ] ⪰ 0`, P × P: how the residual answers when the whole law moves. */
  readonly interaction: Matrix;
}

/**
 * Exact second derivatives at one head. At a position t with residual r and costate `u = Vᵀr` the score vector
 * `ξ = βKᵀQx_t` tilts the tokens seen, with weights a, mean ȳ, covariance C; then
 * `∂_ξ⟨r, Vȳ⟩ = Cu`, `∂_ξ∂_ξ⟨r, Vȳ⟩ = κ_3(u) = Σ_j a_j⟨u, y_j − ȳ⟩(y_j − ȳ)(y_j − ȳ)ᵀ`, `∂_V∂_ξ = r ⊗ C`, and ξ is bilinear in Q
 * and K, which adds `β⟨Cu, δKᵀδQ x⟩`. The (V, V) block of H_Ψ is λI alone.
 *
 * @param head - P numbers
 * @param logits - z_ρ, S × C × columnStride(n), as {@link HeadProblem.logits} gives them
 */
export function headCurvature(
  problem: HeadProblem,
  at: Linearisation,
  logits: Float64Array,
  head: Float64Array,
): HeadCurvature {
  const { data, shape, regularisation } = problem;
  const { dimension: d, keyDimension: k, classes: C } = shape;
  const P = headLength(shape);
  const D = 2 * k * d;
  const stride = columnStride(data.tokens);
  const gradient = head.map((x) => regularisation * x);
  const frozen = zeros(P, P);
  const interaction = zeros(P, P);
  for (let i = 0; i < P; i++) frozen.data[i * P + i] = regularisation;
  const work = createWork(shape);
  data.lengths.forEach((length, s) => {
    for (let t = 0; t < length; t++) {
      const probability = data.weights[s * stride + t];
      if (probability === 0) continue;
      for (let c = 0; c < C; c++) {
        const entry = (s * C + c) * stride + t;
        work.residual[c] = at.residual[entry];
        work.logits[c] = logits[entry];
      }
      tilt(problem, head, s, t, work);
      scoreJacobian(shape, head, work);
      addGradient(shape, work, gradient);
      addFrozen(shape, work, frozen);
      addInteraction(shape, head, work, probability, interaction);
    }
  });
  mirror(frozen, D);
  return { gradient, frozen, interaction };
}

interface Work {
  readonly residual: Float64Array;
  readonly logits: Float64Array;
  /** x_t. */
  readonly token: Float64Array;
  readonly query: Float64Array;
  readonly mean: Float64Array;
  /** C, d × d. */
  readonly covariance: Float64Array;
  /** u = Vᵀr. */
  readonly costate: Float64Array;
  /** κ_3(u), d × d. */
  readonly third: Float64Array;
  /** Cu. */
  readonly pulled: Float64Array;
  /** ∂ξ/∂(Q,K), d × 2kd. */
  readonly jacobian: Float64Array;
  /** d × 2kd. */
  readonly product: Float64Array;
  /** DΦ, C × P. */
  readonly derivative: Float64Array;
}

function createWork({ dimension: d, keyDimension: k, classes: C }: HeadProblem['shape']): Work {
  const array = (length: number) => new Float64Array(length);
  return {
    residual: array(C),
    logits: array(C),
    token: array(d),
    query: array(k),
    mean: array(d),
    covariance: array(d * d),
    costate: array(d),
    third: array(d * d),
    pulled: array(d),
    jacobian: array(d * 2 * k * d),
    product: array(d * 2 * k * d),
    derivative: array(C * (2 * k + C) * d),
  };
}

/** Mean, covariance and third cumulant along u of the tokens that token t sees. */
function tilt(problem: HeadProblem, head: Float64Array, s: number, t: number, work: Work): void {
  const { data, shape } = problem;
  const { dimension: d, keyDimension: k, classes: C } = shape;
  const stride = columnStride(data.tokens);
  const beta = 1 / Math.sqrt(k);
  const tokenAt = (j: number, a: number) => data.states[(s * d + a) * stride + j];
  for (let a = 0; a < d; a++) work.token[a] = tokenAt(t, a);
  for (let row = 0; row < k; row++) {
    work.query[row] = 0;
    for (let a = 0; a < d; a++) work.query[row] += head[row * d + a] * work.token[a];
  }
  const weights = new Float64Array(t + 1);
  let largest = Number.NEGATIVE_INFINITY;
  for (let j = 0; j <= t; j++) {
    let score = 0;
    for (let row = 0; row < k; row++) {
      let key = 0;
      for (let a = 0; a < d; a++) key += head[(k + row) * d + a] * tokenAt(j, a);
      score += work.query[row] * key;
    }
    weights[j] = beta * score;
    largest = Math.max(largest, weights[j]);
  }
  let total = 0;
  for (let j = 0; j <= t; j++) {
    weights[j] = Math.exp(weights[j] - largest);
    total += weights[j];
  }
  work.mean.fill(0);
  work.covariance.fill(0);
  work.third.fill(0);
  for (let j = 0; j <= t; j++) {
    weights[j] /= total;
    for (let a = 0; a < d; a++) work.mean[a] += weights[j] * tokenAt(j, a);
  }
  for (let a = 0; a < d; a++) {
    work.costate[a] = 0;
    for (let c = 0; c < C; c++) {
      work.costate[a] += head[2 * k * d + c * d + a] * work.residual[c];
    }
  }
  for (let j = 0; j <= t; j++) {
    let along = 0;
    for (let a = 0; a < d; a++) along += work.costate[a] * (tokenAt(j, a) - work.mean[a]);
    for (let a = 0; a < d; a++) {
      const left = weights[j] * (tokenAt(j, a) - work.mean[a]);
      for (let b = 0; b < d; b++) {
        const entry = left * (tokenAt(j, b) - work.mean[b]);
        work.covariance[a * d + b] += entry;
        work.third[a * d + b] += along * entry;
      }
    }
  }
  for (let a = 0; a < d; a++) {
    work.pulled[a] = 0;
    for (let b = 0; b < d; b++) work.pulled[a] += work.covariance[a * d + b] * work.costate[b];
  }
}

/** `∂ξ_a/∂Q_rb = βK_ra x_b`, `∂ξ_a/∂K_rb = βδ_ab (Qx)_r`. */
function scoreJacobian(shape: HeadProblem['shape'], head: Float64Array, work: Work): void {
  const { dimension: d, keyDimension: k } = shape;
  const D = 2 * k * d;
  const beta = 1 / Math.sqrt(k);
  work.jacobian.fill(0);
  for (let a = 0; a < d; a++) {
    for (let row = 0; row < k; row++) {
      const key = beta * head[(k + row) * d + a];
      for (let b = 0; b < d; b++) work.jacobian[a * D + row * d + b] = key * work.token[b];
      work.jacobian[a * D + (k + row) * d + a] = beta * work.query[row];
    }
  }
}

function addGradient(shape: HeadProblem['shape'], work: Work, gradient: Float64Array): void {
  const { dimension: d, keyDimension: k, classes: C } = shape;
  const D = 2 * k * d;
  for (let i = 0; i < D; i++) {
    for (let a = 0; a < d; a++) gradient[i] += work.pulled[a] * work.jacobian[a * D + i];
  }
  for (let c = 0; c < C; c++) {
    for (let a = 0; a < d; a++) gradient[D + c * d + a] += work.residual[c] * work.mean[a];
  }
}

/** The blocks on and above the diagonal that are not 0: (QK, QK) and (QK, V). */
function addFrozen(shape: HeadProblem['shape'], work: Work, frozen: Matrix): void {
  const { dimension: d, keyDimension: k, classes: C } = shape;
  const P = frozen.columns;
  const D = 2 * k * d;
  const beta = 1 / Math.sqrt(k);
  const { jacobian, product, third, covariance, pulled, token, residual } = work;
  multiplyInto(third, d, jacobian, D, product);
  for (let i = 0; i < D; i++) {
    for (let j = 0; j < D; j++) {
      let sum = 0;
      for (let a = 0; a < d; a++) sum += jacobian[a * D + i] * product[a * D + j];
      frozen.data[i * P + j] += sum;
    }
  }
  for (let row = 0; row < k; row++) {
    for (let a = 0; a < d; a++) {
      for (let b = 0; b < d; b++) {
        const value = beta * pulled[a] * token[b];
        const [q, key] = [row * d + b, (k + row) * d + a];
        frozen.data[q * P + key] += value;
        frozen.data[key * P + q] += value;
      }
    }
  }
  multiplyInto(covariance, d, jacobian, D, product);
  for (let i = 0; i < D; i++) {
    for (let c = 0; c < C; c++) {
      for (let a = 0; a < d; a++) {
        frozen.data[i * P + D + c * d + a] += residual[c] * product[a * D + i];
      }
    }
  }
}

/** `P(position) · DΦᵀ(diag p − ppᵀ)DΦ`. */
function addInteraction(
  shape: HeadProblem['shape'],
  head: Float64Array,
  work: Work,
  probability: number,
  interaction: Matrix,
): void {
  const { dimension: d, keyDimension: k, classes: C } = shape;
  const P = interaction.columns;
  const D = 2 * k * d;
  const { derivative, product, mean, logits } = work;
  const largest = logits.reduce((a, b) => Math.max(a, b));
  const law = logits.map((z) => Math.exp(z - largest));
  const total = law.reduce((a, b) => a + b, 0);
  // DΦ = [V C ∂ξ | e_c ⊗ ȳ]; `product` holds C ∂ξ.
  derivative.fill(0);
  for (let c = 0; c < C; c++) {
    for (let a = 0; a < d; a++) {
      const v = head[D + c * d + a];
      for (let i = 0; i < D; i++) derivative[c * P + i] += v * product[a * D + i];
      derivative[c * P + D + c * d + a] = mean[a];
    }
  }
  for (let i = 0; i < P; i++) {
    let average = 0;
    for (let c = 0; c < C; c++) average += (law[c] / total) * derivative[c * P + i];
    for (let c = 0; c < C; c++) {
      derivative[c * P + i] =
        Math.sqrt((probability * law[c]) / total) * (derivative[c * P + i] - average);
    }
  }
  for (let c = 0; c < C; c++) {
    for (let i = 0; i < P; i++) {
      const left = derivative[c * P + i];
      if (left === 0) continue;
      for (let j = 0; j < P; j++) interaction.data[i * P + j] += left * derivative[c * P + j];
    }
  }
}

function multiplyInto(
  a: Float64Array,
  d: number,
  b: Float64Array,
  columns: number,
  out: Float64Array,
): void {
  out.fill(0);
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < d; j++) {
      const factor = a[i * d + j];
      for (let c = 0; c < columns; c++) out[i * columns + c] += factor * b[j * columns + c];
    }
  }
}

/** Copies the block right of column D to the one below row D. */
function mirror(matrix: Matrix, D: number): void {
  const P = matrix.columns;
  for (let i = 0; i < D; i++) {
    for (let j = D; j < P; j++) matrix.data[j * P + i] = matrix.data[i * P + j];
  }
}
