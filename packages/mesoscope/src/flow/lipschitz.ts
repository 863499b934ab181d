import type { Backend, FloatArray } from '../kernels/backend.ts';
import { stateLength } from '../kernels/program.ts';
import { type PowerIterationOptions, powerSteps } from '../numeric/power-iteration.ts';
import { randomStream } from '../numeric/random.ts';
import { controlAt } from './controls.ts';
import { type EntryLayout, forEachEntry, stateLayout } from './entries.ts';
import { evaluationProgram, pullbackProgram } from './field-programs.ts';
import { checkShape } from './flow-checks.ts';
import { layerCount } from './grid.ts';
import type { Trajectory } from './trajectory.ts';
import type { Controls, FlowShape } from './types.ts';

export interface OperatorNormOptions extends PowerIterationOptions {
  /** Seed of the start vectors; default 0. */
  readonly seed?: number;
}

/** Where a field is looked at: ζ(t) f(·, θ(t)) with θ seen from the step [from, to], at the states of S samples. */
export interface FieldPlace {
  readonly controls: Controls;
  readonly depth: number;
  readonly from: number;
  readonly to: number;
  readonly profile: (t: number) => number;
  /** S × stateLength(d, n), in backend memory. */
  readonly state: FloatArray;
  readonly weights?: FloatArray | undefined;
}

/**
 * Constants of `F(t, h) = ζ(t) f(h, θ(t))` along a trajectory, in the Euclidean norm of all entries of one sample's state,
 * the largest over samples and depths: what Grönwall bounds need. Measured, so from below: a bound on a neighbourhood of
 * the trajectory may be larger.
 */
export interface MeasuredConstants {
  /** `sup ‖D_hF‖₂`. */
  readonly stateLipschitz: number;
  /** `sup |F|`. */
  readonly speed: number;
  /** `sup |∂_tF|` inside the layers (jumps of the controls between layers are not in it). */
  readonly timeVariation: number;
  /** The same for every layer, the larger of its two ends. */
  readonly layers: readonly {
    readonly stateLipschitz: number;
    readonly speed: number;
    readonly timeVariation: number;
  }[];
}

export interface FieldProbe {
  /** `‖D_hF‖₂` for each sample, by power iteration on `D_hFᵀ D_hF`: converges from below. */
  operatorNorms(place: FieldPlace, options?: OperatorNormOptions): Float64Array;
  /** `|F|` for each sample. */
  speeds(place: FieldPlace): Float64Array;
  /** `|∂_tF|` at fixed h for each sample, by a one-sided difference of order 2 into the step. */
  timeVariations(place: FieldPlace): Float64Array;
  /** All of it at both ends of every layer of a trajectory that keeps all its states. */
  along(trajectory: Trajectory, options?: OperatorNormOptions): MeasuredConstants;
}

/**
 * Prepares the measurement of a field's Lipschitz constants: pullbacks are the field's own, pushforwards are central
 * differences.
 *
 * @throws MesoscopeError `invalid-value`, `out-of-memory`
 */
export function createFieldProbe(backend: Backend, shape: FlowShape): FieldProbe {
  const { field, tokens, weighted = false } = shape;
  checkShape(shape);
  const size = stateLength(field.dimension, tokens);
  const evaluate = backend.compile(evaluationProgram({ field, tokens, weighted }));
  const pullback = backend.compile(pullbackProgram({ field, tokens, weighted }, false));
  const theta = backend.allocate(field.parameters.length);
  const roundoff = backend.precision === 'f64' ? Number.EPSILON : 2 ** -23;

  function valueAt(place: FieldPlace, depth: number, state: FloatArray, value: FloatArray): void {
    const { controls, from, to, profile } = place;
    controlAt(controls, depth, from, to, theta);
    evaluate({
      samples: place.state.length / size,
      buffers: { ...optionalWeights(place), state, value, theta },
      scalars: { factor: profile(depth) },
    });
  }

  function layoutOf(place: FieldPlace): EntryLayout {
    return stateLayout(shape, place.state.length / size);
  }

  function speeds(place: FieldPlace): Float64Array {
    return backend.scoped(() => {
      const value = backend.allocate(place.state.length);
      valueAt(place, place.depth, place.state, value);
      return norms(value, layoutOf(place));
    });
  }

  function timeVariations(place: FieldPlace): Float64Array {
    const { depth, from, to, state } = place;
    const step = (depth < (from + to) / 2 ? 1 : -1) * roundoff ** (1 / 3) * (to - from);
    return backend.scoped(() => {
      const values = [0, 1, 2].map((shift) => {
        const value = backend.allocate(state.length);
        valueAt(place, depth + shift * step, state, value);
        return value;
      });
      const [difference, once, twice] = values;
      for (let i = 0; i < difference.length; i++) {
        difference[i] = (-3 * difference[i] + 4 * once[i] - twice[i]) / (2 * step);
      }
      return norms(difference, layoutOf(place));
    });
  }

  function operatorNorms(place: FieldPlace, options: OperatorNormOptions = {}): Float64Array {
    const { controls, depth, from, to, profile, state } = place;
    const layout = layoutOf(place);
    const sizes = norms(state, layout);
    const random = randomStream(options.seed ?? 0, 'power iteration');
    const searches = Array.from({ length: layout.samples }, () => {
      const start = random.normals(new Float64Array(layout.rows * layout.columns));
      const steps = powerSteps(start, options);
      return { steps, request: steps.next() };
    });
    return backend.scoped(() => {
      const [direction, shifted, forward, backward] = Array.from({ length: 4 }, () =>
        backend.allocate(state.length),
      );
      const buffers = {
        ...optionalWeights(place),
        state,
        costate: forward,
        stateGradient: direction,
        theta,
      };
      const shift = (sample: number) => Math.cbrt(roundoff) * Math.max(1, sizes[sample]);
      /** `D_hFᵀ D_hF` applied to the directions of all samples: a central difference, then the pullback. */
      function apply(): void {
        for (const [sign, value] of [
          [1, forward],
          [-1, backward],
        ] as const) {
          for (let s = 0; s < layout.samples; s++) {
            forEachEntry(layout, s, (i) => {
              shifted[i] = state[i] + sign * shift(s) * direction[i];
            });
          }
          valueAt(place, depth, shifted, value);
        }
        for (let s = 0; s < layout.samples; s++) {
          forEachEntry(layout, s, (i) => {
            forward[i] = (forward[i] - backward[i]) / (2 * shift(s));
          });
        }
        controlAt(controls, depth, from, to, theta);
        pullback({ samples: layout.samples, buffers, scalars: { factor: profile(depth) } });
      }
      while (searches.some(({ request }) => !request.done)) {
        searches.forEach(({ request }, s) => {
          if (!request.done) writeEntries(direction, layout, s, request.value);
        });
        apply();
        searches.forEach((search, s) => {
          if (search.request.done) return;
          search.request = search.steps.next(readEntries(direction, layout, s));
        });
      }
      return Float64Array.from(searches, ({ request }) =>
        request.done ? Math.sqrt(request.value.value) : Number.NaN,
      );
    });
  }

  function along(trajectory: Trajectory, options?: OperatorNormOptions): MeasuredConstants {
    const { grid, controls, weights } = trajectory;
    const layers = Array.from({ length: layerCount(grid) }, (_, k) => {
      const from = grid.times[k];
      const to = grid.times[k + 1];
      const ends = [k, k + 1].map((j) => {
        const place = {
          controls,
          depth: grid.times[j],
          from,
          to,
          profile: grid.profile,
          state: trajectory.state(j),
          weights,
        };
        return [operatorNorms(place, options), speeds(place), timeVariations(place)].map((values) =>
          Math.max(...values),
        );
      });
      const [stateLipschitz, speed, timeVariation] = ends[0].map((x, i) => Math.max(x, ends[1][i]));
      return { stateLipschitz, speed, timeVariation };
    });
    const largest = (name: 'stateLipschitz' | 'speed' | 'timeVariation') =>
      Math.max(...layers.map((layer) => layer[name]));
    return {
      stateLipschitz: largest('stateLipschitz'),
      speed: largest('speed'),
      timeVariation: largest('timeVariation'),
      layers,
    };
  }

  return { operatorNorms, speeds, timeVariations, along };
}

/** The Euclidean norm of each sample. */
function norms(values: FloatArray, layout: EntryLayout): Float64Array {
  return Float64Array.from({ length: layout.samples }, (_, sample) => {
    let sum = 0;
    forEachEntry(layout, sample, (i) => {
      sum += values[i] ** 2;
    });
    return Math.sqrt(sum);
  });
}

/** The numbers of one sample, without the padding. */
function readEntries(values: FloatArray, layout: EntryLayout, sample: number): Float64Array {
  const entries: number[] = [];
  forEachEntry(layout, sample, (i) => entries.push(values[i]));
  return Float64Array.from(entries);
}

function writeEntries(
  values: FloatArray,
  layout: EntryLayout,
  sample: number,
  entries: Float64Array,
): void {
  let next = 0;
  forEachEntry(layout, sample, (i) => {
    values[i] = entries[next++];
  });
}

function optionalWeights({ weights }: FieldPlace): Record<string, FloatArray> {
  return weights === undefined ? {} : { weights };
}
