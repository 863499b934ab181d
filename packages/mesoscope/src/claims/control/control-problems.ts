import { z } from 'zod';
import type { ControlModel } from '../../control/control-model.ts';
import { partOf } from '../../control/parameters.ts';
import { initialiseParameters } from '../../field/parameters.ts';
import type { Backend } from '../../kernels/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import { experimentCount } from '../fields.ts';
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

/** Fields of a claim's own problems. */
export const ownProblems = {
  problems: experimentCount(
    8,
    'random problems: 6 sequences of 4 tokens in R³ of three classes, told apart by their mean under a fixed readout; all entries uniform, of deviation 1',
  ),
};

/** Fields of an explicit problem. */
export const problemData = { h0, labels, U };

const shapes = {
  fields: z.object(problemFields),
  own: z.object(ownProblems),
  data: z.object(problemData),
};

/** What every claim about solutions is given: random problems, or an explicit one. */
export type ControlProblems = z.output<typeof shapes.fields> &
  (
    | ({ readonly explicit: false } & z.output<typeof shapes.own>)
    | ({ readonly explicit: true } & z.output<typeof shapes.data>)
  );

/** One piece for each problem. */
export const problemPieces = (given: ControlProblems) => (given.explicit ? 1 : given.problems);

/** What of explicit data does not fit together. */
export const problemComplaints = (given: ControlProblems) =>
  given.explicit ? dataComplaints(given) : [];

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
    labels: Array.from({ length: samples }, (_, s) => s % classes),
    U: uniforms(classes),
  };
}
