import * as z from 'zod';
import type { ControlModel } from '../../control/control-model.ts';
import { partOf } from '../../control/parameters.ts';
import { initialiseParameters } from '../../field/parameters.ts';
import type { Backend } from '../../kernels/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import { experimentCount } from '../fields.ts';
import { experiments, type Given, type OwnOrExplicit, type Shape } from '../given.ts';
import { controlInstanceShape, dataComplaints, explicitModel } from './control-instance.ts';

const { h0, labels, U, regularisation: _lambda, ...layerFields } = controlInstanceShape;

/**
 * Fields of control problems to be solved. They are regularised towards a random layer θ_ref, at which attention and
 * activation act: towards 0 the optimal layer would be a linear map of the mean.
 */
export const problemFields = {
  ...layerFields,
  regularisation: z.number().positive().default(4).describe('λ of ∫ (λ/2)|θ − θ_ref|² dt'),
  reference: z
    .number()
    .min(0)
    .default(0.6)
    .describe('θ_ref is a random layer of the seed, times this; 0: ∫ (λ/2)|θ|² dt'),
};

const ownProblems = {
  problems: experimentCount(
    8,
    'random problems: 6 sequences of 4 tokens in R³ of three classes, told apart by their mean under a fixed readout; all entries uniform, of deviation 1',
  ),
};

const problemData = { h0, labels, U };

/** What every claim about solutions is given: random problems, or an explicit one. */
export type ControlProblems = OwnOrExplicit<
  typeof problemFields,
  typeof ownProblems,
  typeof problemData
>;

type ProblemsWith<Shared extends Shape, Own extends Shape, Data extends Shape> = OwnOrExplicit<
  typeof problemFields & Shared,
  typeof ownProblems & Own,
  typeof problemData & Data
>;

/** Random control problems, or an explicit one, with the fields that a claim needs besides. */
export function controlProblems<
  Shared extends Shape,
  Own extends Shape = Record<never, never>,
  Data extends Shape = Record<never, never>,
>(settings: {
  /** Of both. */
  readonly shared: Shared;
  readonly own?: Own;
  readonly data?: Data;
  readonly full: Readonly<Record<string, unknown>>;
  /** How many pieces there are; default one for each problem. */
  pieces?(given: ProblemsWith<Shared, Own, Data>): number;
}): Given<ProblemsWith<Shared, Own, Data>> {
  const { shared, own, data, full, pieces = onePieceEach } = settings;
  return experiments({
    label: 'control problems',
    shared: { ...problemFields, ...shared },
    own: { ...ownProblems, ...own } as typeof ownProblems & Own,
    data: { ...problemData, ...data } as typeof problemData & Data,
    full,
    check: complaintsAbout,
    pieces,
  });
}

// Of claims whose fields are a generic's, only these are known here.
const onePieceEach = (given: object) => {
  const problems = given as ControlProblems;
  return problems.explicit ? 1 : problems.problems;
};

const complaintsAbout = (given: object) => {
  const problems = given as ControlProblems;
  return problems.explicit ? dataComplaints(problems) : [];
};

/** μ of the penalty on the controls' rate of change. */
export const smoothnessField = z.number().min(0).default(0).describe('μ of ∫ (μ/2)|θ̇|² dt');

export interface ProblemOptions {
  readonly seed: number;
  /** Which of the random problems. */
  readonly index: number;
  readonly layers: number;
  /** μ; default 0. */
  readonly smoothness?: number;
  /** `reference`: every layer at θ_ref, unless that is 0; `random`: every layer another random one. Default `reference`. */
  readonly start?: 'reference' | 'random';
  /** Which of the random starts; default `index`. */
  readonly startIndex?: number;
  /** Data in place of the problem's own. */
  readonly data?: ReturnType<typeof dataOf>;
}

/** One problem on L layers, with its controls at their start. */
export function problemModel(
  backend: Backend,
  given: ControlProblems,
  options: ProblemOptions,
): ControlModel {
  const { seed, index, layers, smoothness = 0, start = 'reference' } = options;
  const { data = dataOf(given, seed, index), startIndex = index } = options;
  const model = explicitModel(
    backend,
    { ...given, ...data },
    {
      layers,
      seed: randomStream(seed, 'start of the controls', startIndex).integer(2 ** 31),
      smoothness,
      frozen: ['readout'],
      referenceOf: (field) =>
        initialiseParameters(field, randomStream(seed, 'reference layer', index)).map(
          (x) => given.reference * x,
        ),
    },
  );
  const { layout, penalty } = model.problem;
  if (start === 'reference' && given.reference > 0 && penalty.reference !== undefined) {
    const nodes = partOf(layout, model.parameters, 'controls');
    for (let k = 0; k < layers; k++) nodes.set(penalty.reference, k * layout.parametersPerLayer);
  }
  return model;
}

/** The sequences, classes and readout of an instance, or of its random problem. */
export function dataOf(given: ControlProblems, seed: number, index: number) {
  if (given.explicit) return { h0: given.h0, labels: given.labels, U: given.U };
  const [d, tokens, samples, classes] = [3, 4, 6, 3];
  const random = randomStream(seed, 'sequences of three classes', index);
  const uniforms = (rows: number) =>
    Array.from({ length: rows }, () =>
      Array.from({ length: d }, () => (2 * random.uniform() - 1) * Math.sqrt(3)),
    );
  return {
    h0: Array.from({ length: samples }, () => uniforms(tokens)),
    labels: Array.from({ length: samples }, (_, s) =>
      Array.from(
        { length: given.pooling === 'position' ? tokens : 1 },
        (_, i) => (s + i) % classes,
      ),
    ),
    U: uniforms(classes),
  };
}
