import { MesoscopeError } from '../../errors.ts';
import { pseudoInverse } from '../../numeric/decompositions.ts';
import {
  frobeniusNorm,
  fromRows,
  type Matrix,
  multiplyVector,
  scale,
  transpose,
  zeros,
} from '../../numeric/matrix.ts';
import type { AffineMap } from '../closure.ts';
import { type DirectMinimum, directMinimumEnergy, randomControls } from './direct-minimum.ts';
import { type EnergyBound, energyLowerBound } from './energy-bound.ts';
import {
  coarse,
  costateBasis,
  extremalControl,
  fine,
  integrateExtremal,
  parts,
  shoot,
  unpackCostate,
} from './extremal.ts';
import { type Endpoints, factorPath } from './factor-path.ts';
import { affineLayer, type SteeringControls } from './realisation.ts';

/** Controls that satisfy Pontryagin's conditions, and how well. */
export interface MinimumEnergy extends SteeringControls {
  /** `½∫(|U|² + |c|²)dt`. */
  readonly energy: number;
  /** `(max − min)/mean` of the Hamiltonian `½(|U|² + |c|²)` over depth: 0 along an extremal. */
  readonly hamiltonianDrift: number;
  /** Costate of L at depth 0, d × r, such that `U_0 = Λ_0L_0ᵀ + p_0m_0ᵀ`; `Λ_0ᵀL_0` is symmetric. */
  readonly factorCostate: Matrix;
  /** Costate of m at depth 0, p_0, such that `c_0 = p_0`. */
  readonly meanCostate: Float64Array;
  /** Where the shooting that found it began: on the path of extremals from the start, or at a direct minimum. */
  readonly foundFrom: 'continuation' | 'direct minimum';
  readonly search: EnergySearch;
}

/** What the search for the least energy looked at, and what it does not promise. */
export interface EnergySearch {
  /** Starts whose extremals were compared: the continuation, the Bures geodesic, and random controls. */
  readonly starts: number;
  /** Those that led to the energy given. */
  readonly agreed: number;
  /** Different energies of extremals, in increasing order. */
  readonly energies: readonly number[];
  /** No control costs less than this. */
  readonly lowerBound: EnergyBound;
  /** Whether the lower bound is reached, to 1e-9: a proof that nothing costs less. */
  readonly isLeast: boolean;
  /**
   * The least energy over {@link directLayers} layers from {@link checkStarts} other random starts, of which the search
   * knows nothing: the last check, after those whose starts were cheaper had joined the search. Null if none reached the target.
   * It cannot lie below the energy given, if that is the least.
   */
  readonly independent: number | null;
}

/** Layers of the direct minima. */
export const directLayers = 12;

/** Random starts of the search, and of each check afterwards. */
const searchStarts = 6;
export const checkStarts = 4;

/** Checks at most: a start of a check that costs less joins the search, and another check follows. */
const checkRounds = 6;

/** By this fraction of its energy a direct minimum must be cheaper to say that the search missed something. */
const missedEnergy = 1e-3;

export interface MinimumEnergyOptions {
  /** Of the random starts; default 0. */
  readonly seed?: number;
}

/**
 * Feed-forward controls `W = U_t`, `b = c_t` that steer between two laws of equal rank with the least `½∫(|U|²+|c|²)dt` among
 * the extremals that are found. Pontryagin: `U = ΛLᵀ + pmᵀ`, `c = p`, with `Λ̇ = −UᵀΛ`, `ṗ = −Uᵀp`, `L̇ = UL`, `ṁ = Um + c`; ΛᵀL is
 * constant, and symmetric since the endpoint does not see which factor of Σ is taken: `Λ_0 = SL_0`, S symmetric and 0
 * from the complement of the support to itself. Single shooting on (S, p_0) by damped Newton steps, from continuation
 * of the target along the Bures geodesic from the start itself, where the costate is 0, and from the costates of
 * `directMinimumEnergy`, started on the geodesic and at random controls, until random starts find nothing cheaper. There can be
 * several extremals; the cheapest one is taken. That none costs less is proved only where `energyLowerBound` is reached.
 *
 * In one dimension this is the geodesic of the hyperbolic plane in the coordinates (m/σ, 1/σ); for centred laws
 * `U_t = e^{tω}U_0e^{−tω}`, `ω = U_0 − U_0ᵀ`.
 *
 * Source: Pontryagin's maximum principle; cost as in arXiv 2606.07600.
 *
 * @throws MesoscopeError `unsupported` if no start leads to an extremal that reaches the target
 */
export function minimumEnergyControls(
  endpoints: Endpoints,
  { seed = 0 }: MinimumEnergyOptions = {},
): MinimumEnergy {
  const unit = { ...endpoints, horizon: 1 };
  const { from, to } = unit;
  const basis = costateBasis(from.factor);
  const followed = followExtremals(unit, basis);
  const directs = Array.from({ length: searchStarts }, (_, index) =>
    directFrom(unit, { seed, index }),
  );
  const geodesic = directMinimumEnergy(unit, { layers: directLayers });
  const found: Omit<MinimumEnergy, 'search'>[] = [];
  let starts = 0;
  const shootFrom = (foundFrom: MinimumEnergy['foundFrom'], guess: Float64Array | null) => {
    starts++;
    const { costate } = guess === null ? { costate: null } : shoot(from, basis, to, guess, fine);
    if (costate === null) return;
    found.push({ ...extremalControls(endpoints, basis, costate), foundFrom });
  };
  const shootFromDirect = (direct: DirectMinimum) => {
    const missed = direct.status === 'endpoint-missed';
    shootFrom('direct minimum', missed ? null : costateCoordinates(basis, direct));
  };
  shootFrom('continuation', followed.costate);
  for (const direct of [geodesic, ...directs]) shootFromDirect(direct);
  if (found.length === 0) throw notReached(followed.reached);
  const cheapest = () => found.reduce((a, b) => (b.energy < a.energy * (1 - 1e-9) ? b : a));
  let checks: DirectMinimum[] = [];
  for (let round = 0; round < checkRounds; round++) {
    checks = Array.from({ length: checkStarts }, (_, k) =>
      directFrom(unit, { seed, index: searchStarts + round * checkStarts + k }),
    ).filter(({ status }) => status !== 'endpoint-missed');
    const cheaper = checks.filter(
      ({ energy }) => energy < cheapest().energy * endpoints.horizon * (1 - missedEnergy),
    );
    if (cheaper.length === 0) break;
    for (const direct of cheaper) shootFromDirect(direct);
  }
  const least = cheapest();
  const sorted = found.map(({ energy }) => energy).sort((a, b) => a - b);
  const isNew = (energy: number, i: number) =>
    i === 0 || energy > sorted[i - 1] * (1 + sameEnergy) + 1e-15;
  const lowerBound = energyLowerBound(endpoints);
  const { horizon } = endpoints;
  return {
    ...least,
    search: {
      starts,
      agreed: sorted.filter((energy) => energy <= least.energy * (1 + sameEnergy) + 1e-15).length,
      energies: sorted.filter(isNew),
      lowerBound,
      isLeast: least.energy <= lowerBound.value * (1 + 1e-9) + 1e-15,
      independent:
        checks.length === 0 ? null : Math.min(...checks.map(({ energy }) => energy)) / horizon,
    },
  };
}

/** Relative difference up to which two energies are of one extremal. */
const sameEnergy = 1e-6;

function directFrom(
  endpoints: Endpoints,
  draw: { readonly seed: number; readonly index: number },
): DirectMinimum {
  const start = randomControls(endpoints, directLayers, draw);
  return directMinimumEnergy(endpoints, { layers: directLayers, start });
}

/** The costate of the extremal to the target, followed from the start along the Bures geodesic; null where it is lost. */
function followExtremals(
  path: Endpoints,
  basis: readonly Matrix[],
): { readonly costate: Float64Array | null; readonly reached: number } {
  const { from } = path;
  let reached = 0;
  let costate: Float64Array = new Float64Array(basis.length + from.mean.length);
  let previous: { readonly at: number; readonly costate: Float64Array } | null = null;
  let stride = 0.125;
  while (reached < 1) {
    const at = Math.min(1, reached + stride);
    const back: { readonly at: number; readonly costate: Float64Array } | null = previous;
    const guess =
      back === null
        ? costate
        : costate.map((v, i) => v + ((v - back.costate[i]) * (at - reached)) / (reached - back.at));
    const attempt = shoot(from, basis, factorPath(path, at).moments, guess, coarse);
    if (attempt.costate === null) {
      stride /= 2;
      if (stride < 1e-7) return { costate: null, reached };
      continue;
    }
    previous = { at: reached, costate };
    costate = attempt.costate;
    reached = at;
    stride *= attempt.steps <= 3 ? 2 : 1;
  }
  return { costate, reached };
}

/** The coordinates of (Λ_0, p_0), by least squares. */
function costateCoordinates(
  basis: readonly Matrix[],
  { factorCostate, meanCostate }: DirectMinimum,
): Float64Array {
  const columns = transpose(fromRows(basis.map(({ data }) => data)));
  const coordinates = multiplyVector(pseudoInverse(columns), factorCostate.data);
  return Float64Array.of(...coordinates, ...meanCostate);
}

function notReached(reached: number): MesoscopeError {
  return new MesoscopeError({
    code: 'unsupported',
    what: `the extremals from the start could be followed only ${(100 * reached).toFixed(1)} % of the way`,
    by: 'The minimum-energy realisation',
    wayOut: 'Steer in several pieces, or use the feed-forward realisation.',
  });
}

function extremalControls(
  { from, horizon }: Endpoints,
  basis: readonly Matrix[],
  costate: Float64Array,
): Omit<MinimumEnergy, 'foundFrom' | 'search'> {
  const d = from.factor.rows;
  const solution = integrateExtremal(from, basis, costate, fine.integration, true);
  const scratch = new Float64Array(solution.state.length);
  const velocityAt = (t: number): AffineMap => {
    const { m, L, p, Lambda } = parts(solution.at(Math.min(1, t / horizon), scratch), from.factor);
    const T = zeros(d, d);
    extremalControl(m, L, p, Lambda, T.data);
    return { T: scale(1 / horizon, T), a: p.map((entry) => entry / horizon) };
  };
  const energies = Array.from({ length: 65 }, (_, k) => {
    const { T, a } = velocityAt((k / 64) * horizon);
    return 0.5 * (frobeniusNorm(T) ** 2 + a.reduce((sum, entry) => sum + entry ** 2, 0));
  });
  const mean = energies.reduce((sum, e) => sum + e, 0) / energies.length;
  const { factor, mean: meanCostate } = unpackCostate(basis, costate);
  return {
    velocityAt,
    layerAt: (t) => affineLayer(velocityAt(t)),
    energy: energies[0] * horizon,
    hamiltonianDrift: mean === 0 ? 0 : (Math.max(...energies) - Math.min(...energies)) / mean,
    factorCostate: scale(1 / horizon, factor),
    meanCostate: meanCostate.map((entry) => entry / horizon),
  };
}
