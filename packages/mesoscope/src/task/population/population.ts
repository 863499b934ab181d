import { MesoscopeError } from '../../errors.ts';
import { refuse } from '../../numeric/checks.ts';

/** A data law on a finite sample space, known exactly: M atoms (h_0, y), each a sequence with its class. */
export interface FinitePopulation {
  /** n. */
  readonly tokens: number;
  /** d. */
  readonly dimension: number;
  /** C. */
  readonly classes: number;
  /** M × n × d. */
  readonly states: Float64Array;
  /** M classes. */
  readonly labels: Int32Array;
  /** M numbers ≥ 0 of sum 1. */
  readonly probabilities: Float64Array;
}

/** Numbers that bound what any model can do on a population. In nats. */
export interface PopulationEntropies {
  /** `H(Y | h_0)`: the risk of the law itself, below which no model comes. */
  readonly bayesRisk: number;
  /** `H(Y)`: the risk of the best model that does not look at h_0. */
  readonly constantRisk: number;
  /** Probability that the likeliest class of h_0 is right. */
  readonly bayesAccuracy: number;
}

/** Entropies of a population; atoms with the same states bit for bit are one sequence. */
export function populationEntropies(population: FinitePopulation): PopulationEntropies {
  const { states, labels, probabilities, classes } = population;
  const size = states.length / labels.length;
  const laws = new Map<string, Float64Array>();
  const marginal = new Float64Array(classes);
  probabilities.forEach((p, atom) => {
    const key = states.subarray(atom * size, (atom + 1) * size).join();
    const law = laws.get(key) ?? new Float64Array(classes);
    laws.set(key, law);
    law[labels[atom]] += p;
    marginal[labels[atom]] += p;
  });
  let bayesRisk = 0;
  let bayesAccuracy = 0;
  for (const law of laws.values()) {
    const mass = law.reduce((sum, p) => sum + p, 0);
    bayesRisk += crossEntropy(law, mass);
    bayesAccuracy += law.reduce((best, p) => Math.max(best, p), 0);
  }
  return { bayesRisk, constantRisk: crossEntropy(marginal, 1), bayesAccuracy };
}

/** `−Σ p_y log(p_y / mass)`. */
function crossEntropy(law: Float64Array, mass: number): number {
  return law.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p / mass) : sum), 0);
}

/** A population as a batch of a control problem: the loss is its exact risk. */
export function populationBatch({ labels, states, probabilities }: FinitePopulation) {
  return { samples: labels.length, states, labels, weights: probabilities };
}

/**
 * Sequences with their classes and probabilities as a population. Probabilities are scaled to sum 1.
 *
 * @throws MesoscopeError `shape-mismatch`, `invalid-value` for a label outside the classes, a class without a sequence,
 *   a probability below 0 and probabilities that are all 0
 */
export function explicitPopulation(
  data: {
    readonly h0: readonly (readonly (readonly number[])[])[];
    readonly labels: readonly number[];
    /** Default equal ones. */
    readonly probabilities?: readonly number[] | undefined;
  },
  classes: number,
): FinitePopulation {
  const { h0, labels } = data;
  const { probabilities = h0.map(() => 1) } = data;
  const [tokens, dimension] = [h0[0].length, h0[0][0].length];
  h0.forEach((sequence, s) => {
    requireLength(`h0[${s}]`, sequence, tokens);
    sequence.forEach((token, j) => {
      requireLength(`h0[${s}][${j}]`, token, dimension);
    });
  });
  requireLength('labels', labels, h0.length);
  requireLength('probabilities', probabilities, h0.length);
  const seen = new Set(labels);
  labels.forEach((label, s) => {
    if (Number.isInteger(label) && label >= 0 && label < classes) return;
    refuse(`labels[${s}]`, label, `a class from 0 to ${classes - 1}`);
  });
  for (let c = 0; c < classes; c++) {
    if (!seen.has(c)) {
      refuse('labels', [...seen], `sequences of all ${classes} classes; class ${c} has none`);
    }
  }
  probabilities.forEach((p, s) => {
    if (!(p >= 0 && Number.isFinite(p)))
      refuse(`probabilities[${s}]`, p, 'a finite number of at least 0');
  });
  const total = probabilities.reduce((sum, p) => sum + p, 0);
  if (total === 0) refuse('probabilities', total, 'at least one above 0');
  return {
    tokens,
    dimension,
    classes,
    states: Float64Array.from(h0.flat(2)),
    labels: Int32Array.from(labels),
    probabilities: Float64Array.from(probabilities, (p) => p / total),
  };
}

function requireLength(path: string, received: readonly unknown[], expected: number): void {
  if (received.length === expected) return;
  const lengths = { received: [received.length], expected: [expected] };
  throw new MesoscopeError({ code: 'shape-mismatch', path, ...lengths });
}
