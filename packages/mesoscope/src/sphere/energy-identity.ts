import type { Backend } from '../kernels/backend.ts';
import { frobeniusNorm, fromRows, subtract, transpose } from '../numeric/matrix.ts';
import type { RandomStream } from '../numeric/random.ts';
import { dot } from '../numeric/vector.ts';
import { followTokens, type SphereAttention, sphereVelocity } from './attention.ts';
import { interactionEnergy, score } from './observables.ts';
import { onSphere, type Tokens, uniformTokens } from './tokens.ts';

/** A derivative of the energy computed twice, with what numerics leave open. */
export interface DerivativePair {
  readonly difference: number;
  readonly uncertainty: number;
  readonly scale: number;
}

/** The energy along a flow and its derivative, three ways. */
export interface EnergyRecord {
  readonly times: readonly number[];
  /** `cE` at these times, in units of `e^shift`. */
  readonly energies: readonly number[];
  /** Dissipation at these times. */
  readonly dissipation: readonly number[];
  /** Steps at which the energy falls by more than rounding. */
  readonly falls: number;
  /** The energy's slope along the integrated flow against the dissipation. */
  readonly along: readonly DerivativePair[];
  /** The derivative of the energy in the direction of the velocity against the dissipation. */
  readonly directional: readonly DerivativePair[];
  /** c where V = cB with B symmetric; null where it is not so, or there is a mask or more than one head. */
  readonly ratio: number | null;
  /** Whether no token moves. */
  readonly atRest: boolean;
  readonly completed: boolean;
}

/**
 * `D = (1/n) Σ_i m_i |ẋ_i|²`, `m_i = (1/n) Σ_j e^{⟨Bx_i, x_j⟩ − shift}` for softmax, `e^{−shift}` for unnormalised attention:
 * what `cE = (c/2n²) Σ_ij e^{⟨Bx_i,x_j⟩ − shift}` gains in a unit of time where `V = cB`, B symmetric, since then
 * `∂_i(cE) = (m_i/n)·(V Σ_j P_ij x_j)` for softmax, and `e^{−shift}/n` times it otherwise.
 */
export function dissipation(
  { kind, heads }: SphereAttention,
  tokens: Tokens,
  velocity: Tokens,
  shift: number,
): number {
  const { B } = heads[0];
  const n = tokens.length;
  const weight = (x: readonly number[]) =>
    kind === 'unnormalised'
      ? Math.exp(-shift)
      : tokens.reduce((sum, y) => sum + Math.exp(score(B, x, y) - shift), 0) / n;
  return tokens.reduce((sum, x, i) => sum + (weight(x) * dot(velocity[i], velocity[i])) / n, 0);
}

/** c with V = cB and B symmetric, to rounding; null where there is none. */
export function gradientRatio({ heads, causal }: SphereAttention): number | null {
  if (heads.length > 1 || causal) return null;
  const [B, V] = [fromRows(heads[0].B), fromRows(heads[0].V)];
  const rounding = 8 * Number.EPSILON * B.rows;
  if (frobeniusNorm(subtract(B, transpose(B))) > rounding * frobeniusNorm(B)) return null;
  const square = dot(B.data, B.data);
  const ratio = square > 0 ? dot(V.data, B.data) / square : 0;
  const rest = { ...V, data: V.data.map((entry, i) => entry - ratio * B.data[i]) };
  return frobeniusNorm(rest) <= rounding * frobeniusNorm(V) ? ratio : null;
}

/**
 * Follows tokens and compares: the energy's slope along the trajectory (differences of order 4, with those at twice the step as
 * their accuracy), its derivative in the direction of the velocity at frozen states (central differences, extrapolated), and the
 * dissipation.
 */
export function measureEnergy(
  backend: Backend,
  given: {
    readonly attention: SphereAttention;
    readonly tokens: Tokens;
    readonly horizon: number;
    readonly steps: number;
  },
  formula = dissipation,
): EnergyRecord {
  const { attention, horizon, steps } = given;
  const tokens = onSphere(given.tokens);
  const { B } = attention.heads[0];
  const ratio = gradientRatio(attention);
  const shift = Math.max(...tokens.flatMap((x) => tokens.map((y) => score(B, x, y))));
  const { states, times, status } = followTokens(backend, { attention, tokens, horizon, steps });
  const energy = (x: Tokens) => (ratio ?? 1) * interactionEnergy(B, x, shift);
  const energies = states.map(energy);
  const rounding = 8 * tokens.length * Number.EPSILON * Math.max(...energies.map(Math.abs));
  const velocities = states.map((x) => sphereVelocity(backend, attention, x));
  const rates = states.map((x, k) => formula(attention, x, velocities[k], shift));
  const h = horizon / steps;
  const looked = Array.from({ length: Math.max(0, states.length - 8) }, (_, k) => k + 4);
  return {
    times,
    energies,
    dissipation: rates,
    falls: energies.filter((one, k) => k > 0 && one < energies[k - 1] - rounding).length,
    along: pairs(looked, rates, rounding / h, (k, m) => {
      const near = energies[k + m] - energies[k - m];
      const far = energies[k + 2 * m] - energies[k - 2 * m];
      return (8 * near - far) / (12 * m * h);
    }),
    directional: pairs(looked, rates, rounding / 1e-3, (k, m) => {
      const moved = (s: number) =>
        energy(states[k].map((x, i) => x.map((entry, a) => entry + s * velocities[k][i][a])));
      const s = 1e-3 * m;
      return (8 * (moved(s) - moved(-s)) - (moved(2 * s) - moved(-2 * s))) / (12 * s);
    }),
    ratio,
    atRest: velocities[0].every((one) => one.every((v) => Math.abs(v) < 1e-13)),
    completed: status.kind === 'completed',
  };
}

/**
 * Differences of order 4 with a simple and a double step, beside the rates. What lies between the two anywhere bounds the finer
 * ones' errors everywhere: at single places the two may cross.
 */
function pairs(
  looked: readonly number[],
  rates: readonly number[],
  rounding: number,
  slope: (k: number, multiple: 1 | 2) => number,
): DerivativePair[] {
  const fine = looked.map((k) => slope(k, 1));
  const open = Math.max(0, ...looked.map((k, i) => Math.abs(fine[i] - slope(k, 2))));
  const scale = Math.max(...rates.map(Math.abs));
  return looked.map((k, i) => ({
    difference: Math.abs(fine[i] - rates[k]),
    uncertainty: open + rounding,
    scale,
  }));
}

/**
 * Random tokens under B symmetric and V = cB: softmax and unnormalised by turns, with a smaller c for the latter, so that both
 * move at like speeds.
 */
export function randomGradientFlow(stream: RandomStream, index: number) {
  const d = 2 + stream.integer(3);
  const tokens = uniformTokens(stream, 4 + stream.integer(6), d);
  const half = Array.from({ length: d }, () =>
    Array.from({ length: d }, () => (1.5 * stream.normal()) / Math.sqrt(d)),
  );
  const B = half.map((row, a) => row.map((entry, b) => (entry + half[b][a]) / 2));
  const kind: SphereAttention['kind'] = index % 2 === 0 ? 'softmax' : 'unnormalised';
  const largest = Math.exp(Math.max(...tokens.map((x) => score(B, x, x))));
  const c = (0.3 + stream.uniform()) / (kind === 'softmax' ? 1 : largest);
  const V = B.map((row) => row.map((entry) => c * entry));
  const attention: SphereAttention = { kind, causal: false, heads: [{ B, V }] };
  return { attention, tokens };
}
