import { solveOde } from '../flow/ode.ts';
import type { SimulatedFlow } from '../flow/simulate.ts';
import type { Backend } from '../kernels/backend.ts';
import type { RandomStream } from '../numeric/random.ts';
import { dot } from '../numeric/vector.ts';
import { followTokens, plainAttention, type SphereKind } from './attention.ts';
import { pairAngles } from './observables.ts';
import { equiangularTokens, onSphere, type Tokens } from './tokens.ts';

/** n tokens with all inner products ρ, under `B = βI`, `V = I`. */
export interface Equiangular {
  readonly kind: SphereKind;
  readonly beta: number;
  readonly n: number;
}

/**
 * `ρ' = 2w(1 − ρ)(1 + (n − 1)ρ)`, w the weight of another token: `e^{βρ}/(e^β + (n − 1)e^{βρ})` for softmax, `e^{βρ}/n`
 * for unnormalised attention. The symmetry of the start is kept, so that this is the whole flow (arXiv 2312.10794).
 */
export function equiangularRate({ kind, beta, n }: Equiangular, rho: number): number {
  const other = Math.exp(beta * (rho - 1));
  const weight = kind === 'softmax' ? other / (1 + (n - 1) * other) : (other * Math.exp(beta)) / n;
  return 2 * weight * (1 - rho) * (1 + (n - 1) * rho);
}

/** `lim −d log(1 − ρ)/dt` as ρ → 1: the slope of {@link equiangularRate} there, 2 for softmax and `2e^β` otherwise. */
export function consensusRate({ kind, beta }: Equiangular): number {
  return kind === 'softmax' ? 2 : 2 * Math.exp(beta);
}

/** Particles beside the closed equation. */
export interface EquiangularRecord {
  readonly case: Equiangular;
  readonly times: readonly number[];
  /** Mean inner product of the particles. */
  readonly particles: readonly number[];
  /** ρ(t) of the closed equation. */
  readonly closed: readonly number[];
  readonly difference: number;
  readonly uncertainty: number;
  /** `−d log(1 − ρ)/dt` of the particles at the end, and how far it still moves. */
  readonly rate: { readonly measured: number; readonly open: number; readonly expected: number };
  /** Whether all inner products of the start are equal to rounding. */
  readonly equal: boolean;
  /** Whether the start is an equilibrium: ρ = 1 or −1/(n − 1). */
  readonly atRest: boolean;
  readonly completed: boolean;
}

/** The time at which the closed equation reaches `1 − ρ = gap`. */
export function equiangularTime(one: Equiangular, rho: number, gap: number): number {
  const { time } = solveOde((_, y, out) => out.fill(equiangularRate(one, 1 - y[0]) * -1), {
    ...{ initial: [1 - rho], to: 1e9 / consensusRate(one), relativeTolerance: 1e-6 },
    events: [{ name: 'near consensus', value: (_, y) => Math.log(y[0] / gap) }],
  });
  return time;
}

/** Follows tokens by the flow and by the closed equation until `1 − ρ = 1e−5`. */
export function measureEquiangular(
  backend: Backend,
  given: { readonly kind: SphereKind; readonly beta: number; readonly tokens: Tokens },
  rateOf = equiangularRate,
): EquiangularRecord {
  const { kind, beta } = given;
  const tokens = onSphere(given.tokens);
  const n = tokens.length;
  const one: Equiangular = { kind, beta, n };
  const products = innerProducts(tokens);
  const rho = products.reduce((sum, product) => sum + product, 0) / products.length;
  const spread = Math.max(...products.map((product) => Math.abs(product - rho)));
  const equal = spread < 32 * n * Number.EPSILON;
  const atRest = Math.abs(equiangularRate(one, rho)) < 64 * n * Number.EPSILON * consensusRate(one);
  const nothing = { times: [], particles: [], closed: [], difference: 0, uncertainty: 0 };
  if (!equal || atRest) {
    const rate = { measured: 0, open: 0, expected: consensusRate(one) };
    return { case: one, ...nothing, rate, equal, atRest, completed: true };
  }
  const horizon = equiangularTime(one, rho, 1e-5);
  const attention = plainAttention(tokens[0].length, beta, kind);
  const speed = (1 + Math.abs(beta)) * consensusRate(one);
  const steps = 2 * Math.ceil(Math.min(2000, 4 + 4 * speed * horizon));
  const run = (times: number) =>
    followTokens(backend, { attention, tokens, horizon, steps: times * steps });
  const [coarse, fine] = [run(1), run(2)];
  const closed = (relativeTolerance: number) =>
    solveOde((_, y, out) => out.fill(rateOf(one, y[0])), {
      ...{ initial: [rho], to: horizon, relativeTolerance, absoluteTolerance: relativeTolerance },
      dense: true,
    });
  const [rough, exact] = [closed(1e-9), closed(1e-12)];
  const compared = coarse.states.map((state, k) => {
    const [less, more] = [innerProducts(state), innerProducts(fine.states[2 * k])];
    const expected = exact.at(coarse.times[k])[0];
    return {
      mean: more.reduce((sum, product) => sum + product, 0) / more.length,
      expected,
      difference: Math.max(...more.map((product) => Math.abs(product - expected))),
      uncertainty:
        Math.max(...more.map((product, i) => Math.abs(product - less[i]))) +
        Math.abs(rough.at(coarse.times[k])[0] - expected),
    };
  });
  const twentieth = Math.ceil(coarse.times.length / 20);
  const slope = ({ states, times }: SimulatedFlow, every: number, back: number) => {
    const at = (m: number) => states.length - 1 - every * m * twentieth;
    const [from, to] = [at(back + 1), at(back)];
    const gap = (k: number) => 2 * Math.log(Math.sin(pairAngles(states[k])[0] / 2));
    return (gap(from) - gap(to)) / (times[to] - times[from]);
  };
  const measured = slope(fine, 2, 0);
  // The slope nears its limit like 1 − ρ, which falls by more than a half in a twentieth of the time.
  const moved =
    2 * Math.abs(measured - slope(fine, 2, 1)) + Math.abs(measured - slope(coarse, 1, 0));
  return {
    case: one,
    times: coarse.times,
    particles: compared.map(({ mean }) => mean),
    closed: compared.map(({ expected }) => expected),
    difference: Math.max(...compared.map((at) => at.difference)),
    uncertainty: Math.max(...compared.map((at) => at.uncertainty)) + 64 * n * Number.EPSILON,
    rate: { measured, open: moved, expected: consensusRate(one) },
    ...{ equal, atRest },
    completed: fine.status.kind === 'completed' && exact.status.kind === 'completed',
  };
}

function innerProducts(tokens: Tokens): number[] {
  return tokens.flatMap((x, i) => tokens.slice(i + 1).map((y) => dot(x, y)));
}

/** Equiangular tokens that are not at rest, softmax and unnormalised by turns. */
export function randomEquiangular(stream: RandomStream, index: number) {
  const n = 3 + stream.integer(6);
  const least = -0.9 / (n - 1);
  const rho = least + (0.6 - least) * stream.uniform();
  const kind: SphereKind = index % 2 === 0 ? 'softmax' : 'unnormalised';
  return { kind, beta: 0.2 + 2.8 * stream.uniform(), tokens: equiangularTokens(stream, n, rho) };
}
