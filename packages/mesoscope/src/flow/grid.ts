import { MesoscopeError } from '../errors.ts';
import { refuse } from '../numeric/checks.ts';
import { positivePower } from '../numeric/power.ts';
import type { DepthGrid } from './types.ts';

/** ζ of `ḣ = ζ(t) f(h, θ(t))`. */
export type DepthProfile = (t: number) => number;

/** ζ ≡ 1. */
export const constantProfile: DepthProfile = () => 1;

/**
 * `t_k = kT/L`.
 *
 * @param horizon T > 0.
 * @param layers L ≥ 1.
 * @param profile ζ, positive and finite; default 1.
 * @throws MesoscopeError `invalid-value`
 */
export function uniformGrid(
  horizon: number,
  layers: number,
  profile: DepthProfile = constantProfile,
): DepthGrid {
  return gradedGrid(horizon, layers, 1, profile);
}

/**
 * `t_k = T (k/L)^γ`: for γ > 1 the layers crowd towards depth 0, for γ < 1 towards T.
 *
 * @param horizon T > 0.
 * @param layers L ≥ 1.
 * @param grading γ > 0.
 * @param profile ζ, positive and finite; default 1.
 * @throws MesoscopeError `invalid-value`
 */
export function gradedGrid(
  horizon: number,
  layers: number,
  grading: number,
  profile: DepthProfile = constantProfile,
): DepthGrid {
  checkPositive('horizon', horizon);
  checkPositive('grading', grading);
  checkLayers('layers', layers);
  const times = Float64Array.from({ length: layers + 1 }, (_, k) =>
    k === layers
      ? horizon
      : grading === 1
        ? (k * horizon) / layers
        : horizon * positivePower(k / layers, grading),
  );
  return givenGrid(times, profile);
}

/**
 * The grid of the given depths `0 = t_0 < … < t_L`.
 *
 * @param times L + 1 depths, copied.
 * @param profile ζ, positive and finite; default 1.
 * @throws MesoscopeError `invalid-value`, `not-finite`
 */
export function givenGrid(
  times: ArrayLike<number>,
  profile: DepthProfile = constantProfile,
): DepthGrid {
  const grid = { times: Float64Array.from(times), profile };
  checkGrid(grid);
  return grid;
}

/**
 * Every cell cut into `factor` equal cells; the depths of the grid itself stay bitwise what they are.
 *
 * @param factor an integer ≥ 1.
 * @throws MesoscopeError `invalid-value`
 */
export function refineGrid(grid: DepthGrid, factor: number): DepthGrid {
  checkLayers('factor', factor);
  const { times, profile } = grid;
  const layers = layerCount(grid);
  const refined = new Float64Array(layers * factor + 1);
  for (let k = 0; k < layers; k++) {
    for (let j = 0; j < factor; j++) {
      refined[k * factor + j] = times[k] + (j / factor) * (times[k + 1] - times[k]);
    }
  }
  refined[layers * factor] = times[layers];
  return givenGrid(refined, profile);
}

/** L. */
export function layerCount(grid: DepthGrid): number {
  return grid.times.length - 1;
}

/** T. */
export function horizonOf(grid: DepthGrid): number {
  return grid.times[grid.times.length - 1];
}

/**
 * Refuses a grid that is empty, not finite, not increasing from 0, or whose profile is not positive and finite at
 * the depths and at the middles of the cells.
 *
 * @throws MesoscopeError `invalid-value`, `not-finite`
 */
export function checkGrid(grid: DepthGrid): void {
  const { times, profile } = grid;
  if (times.length < 2) {
    refuse('times', times.length, 'at least 2 depths (one layer)');
  }
  times.forEach((t, index) => {
    if (!Number.isFinite(t)) {
      throw new MesoscopeError({ code: 'not-finite', path: 'times', index, received: t });
    }
  });
  if (times[0] !== 0) refuse('times[0]', times[0], '0');
  for (let k = 0; k + 1 < times.length; k++) {
    if (times[k + 1] <= times[k]) {
      refuse(`times[${k + 1}]`, times[k + 1], `a depth greater than times[${k}] = ${times[k]}`);
    }
    for (const t of [times[k], (times[k] + times[k + 1]) / 2, times[k + 1]]) {
      const value = profile(t);
      if (!(value > 0 && Number.isFinite(value))) {
        refuse(`profile(${t})`, value, 'a positive finite number');
      }
    }
  }
}

function checkLayers(path: string, received: number): void {
  if (!(Number.isInteger(received) && received >= 1)) refuse(path, received, 'an integer ≥ 1');
}

function checkPositive(path: string, received: number): void {
  if (!(received > 0 && Number.isFinite(received))) {
    refuse(path, received, 'a positive finite number');
  }
}
