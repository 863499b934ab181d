import type { Field } from '../field/field.ts';
import { initialiseParameters } from '../field/parameters.ts';
import type { FloatArray } from '../kernels/backend.ts';
import { randomStream } from '../numeric/random.ts';

/** A stretch of a parameter vector. */
export interface ParameterRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * How all that is trained lies in one vector: embedding (d × vocabulary), positions (d × n), controls (L × P, one row
 * a layer, each laid out as the field says), readout U (C × d). All row-major; what a problem lacks has length 0.
 */
export interface ControlLayout {
  readonly embedding: ParameterRange;
  readonly positions: ParameterRange;
  readonly controls: ParameterRange;
  readonly readout: ParameterRange;
  /** L. */
  readonly layers: number;
  /** P. */
  readonly parametersPerLayer: number;
  /** Length of the whole vector. */
  readonly length: number;
}

/** Names of the four parts of a {@link ControlLayout}, in their order. */
export const parameterParts = ['embedding', 'positions', 'controls', 'readout'] as const;
export type ParameterPart = (typeof parameterParts)[number];

export interface ControlShape {
  readonly field: Field;
  /** n. */
  readonly tokens: number;
  /** L. */
  readonly layers: number;
  /** C. */
  readonly classes: number;
  /** Number of token classes with a vector each; 0: the inputs are vectors. */
  readonly vocabulary: number;
  /** Whether every position has a vector of its own. */
  readonly positions: boolean;
}

/** The layout of a problem's parameters. */
export function controlLayout(shape: ControlShape): ControlLayout {
  const d = shape.field.dimension;
  const parametersPerLayer = shape.field.parameters.length;
  let length = 0;
  const take = (count: number): ParameterRange => {
    const range = { offset: length, length: count };
    length += count;
    return range;
  };
  const embedding = take(d * shape.vocabulary);
  const positions = take(shape.positions ? d * shape.tokens : 0);
  const controls = take(shape.layers * parametersPerLayer);
  const readout = take(shape.classes * d);
  return {
    embedding,
    positions,
    controls,
    readout,
    layers: shape.layers,
    parametersPerLayer,
    length,
  };
}

/** One part of a vector laid out as `layout` says: a view, not a copy. */
export function partOf<Vector extends FloatArray>(
  layout: ControlLayout,
  vector: Vector,
  part: ParameterPart,
): Vector {
  const { offset, length } = layout[part];
  return vector.subarray(offset, offset + length) as Vector;
}

/** Standard deviations of the entries at a random start. */
export interface InitialDeviations {
  /** Of an embedding's entries; default 1. */
  readonly embedding?: number;
  /** Of the positions' entries; default 0.5. */
  readonly positions?: number;
  /** Factor on a field's random start; default 1. */
  readonly controls?: number;
  /** Of the readout's entries, times √d; default 1. */
  readonly readout?: number;
}

/**
 * A random start: independent normal entries, one random stream for each part and, in the controls, for each layer,
 * so that a problem with more layers begins with the same first ones.
 */
export function initialParameters(
  field: Field,
  layout: ControlLayout,
  seed: number,
  deviations: InitialDeviations = {},
): Float64Array<ArrayBuffer> {
  const { embedding = 1, positions = 0.5, controls = 1, readout = 1 } = deviations;
  const parameters = new Float64Array(layout.length);
  const fill = (range: ParameterRange, deviation: number, purpose: string) => {
    const stream = randomStream(seed, purpose);
    const end = range.offset + range.length;
    for (let i = range.offset; i < end; i++) parameters[i] = deviation * stream.normal();
  };
  fill(layout.embedding, embedding, 'initial embedding');
  fill(layout.positions, positions, 'initial positions');
  fill(layout.readout, readout / Math.sqrt(field.dimension), 'initial readout');
  const nodes = partOf(layout, parameters, 'controls');
  for (let k = 0; k < layout.layers; k++) {
    const layer = initialiseParameters(field, randomStream(seed, 'initial controls', k));
    nodes.set(
      layer.map((value) => controls * value),
      k * layout.parametersPerLayer,
    );
  }
  return parameters;
}
