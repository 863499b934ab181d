import { createControlProblem } from '../../../control/create-problem.ts';
import { initialParameters, partOf } from '../../../control/parameters.ts';
import type { ControlProblem } from '../../../control/problem.ts';
import { transformerBlock } from '../../../field/transformer-block.ts';
import { uniformGrid } from '../../../flow/grid.ts';
import type { Backend } from '../../../kernels/backend.ts';
import { shapeMismatch } from '../../../numeric/checks.ts';
import { randomStream } from '../../../numeric/random.ts';
import {
  explicitPopulation,
  type FinitePopulation,
  letterPopulation,
} from '../../../task/population/index.ts';
import type { PopulationStudy } from './schema.ts';

/** A population with the readout that its control problems keep. */
export interface ReadPopulation {
  readonly population: FinitePopulation;
  /** U, C × d, row-major. */
  readonly readout: Float64Array;
}

/**
 * The population of a configuration, refused before any work where data and readout do not fit together.
 *
 * @throws MesoscopeError `shape-mismatch`, `invalid-value`
 */
export function populationOf(configuration: PopulationStudy): ReadPopulation {
  const { data, U, words, seed, readout: size } = configuration;
  const classes = U?.length ?? (data === undefined ? 2 : 1 + Math.max(...data.labels));
  const population =
    data === undefined ? letterPopulation(words) : explicitPopulation(data, classes);
  const { dimension: d } = population;
  if (U === undefined) {
    const random = randomStream(seed, 'readout of a population');
    const length = population.classes * d;
    const readout = Float64Array.from({ length }, () => (size * random.normal()) / Math.sqrt(d));
    return { population, readout };
  }
  U.forEach((row, c) => {
    if (row.length !== d) refuse(`U[${c}]`, [row.length], [d]);
  });
  if (U.length !== population.classes) refuse('U', [U.length, d], [population.classes, d]);
  return { population, readout: Float64Array.from(U.flat()) };
}

/** The control problem of a population on L layers: `z = U pool(h_T)`, controls free, U as it is. */
export function populationProblem(
  backend: Backend,
  configuration: PopulationStudy,
  { population }: ReadPopulation,
  layers: number,
): ControlProblem {
  const { heads, keyDimension, hidden, activation, pooling, horizon } = configuration;
  const { regularisation, smoothness } = configuration;
  return createControlProblem(backend, {
    field: transformerBlock({
      dimension: population.dimension,
      heads,
      keyDimension,
      hidden,
      activation,
      causal: false,
      normalisation: 'none',
    }),
    grid: uniformGrid(horizon, layers),
    tokens: population.tokens,
    samples: population.labels.length,
    classes: population.classes,
    pooling,
    regularisation,
    smoothness,
    frozen: ['readout'],
  });
}

/**
 * Random controls beside the readout. With an H¹ penalty all layers start alike: different ones would be averaged to
 * nothing, which is near a saddle.
 */
export function startOf(
  { field, layout, penalty }: ControlProblem,
  { readout }: ReadPopulation,
  seed: number,
): Float64Array {
  const parameters = initialParameters(field, layout, seed);
  if (penalty.smoothness > 0) {
    const nodes = partOf(layout, parameters, 'controls');
    const P = layout.parametersPerLayer;
    for (let k = 1; k < layout.layers; k++) nodes.copyWithin(k * P, 0, P);
  }
  partOf(layout, parameters, 'readout').set(readout);
  return parameters;
}

function refuse(path: string, received: readonly number[], expected: readonly number[]): never {
  throw shapeMismatch(path, received, expected);
}
