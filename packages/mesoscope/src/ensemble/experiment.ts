import { particles } from '../law/law.ts';
import { randomStream } from '../numeric/random.ts';
import {
  type DiscreteInputs,
  type EnsembleInputs,
  ensembleInputs,
  sampledInputs,
} from './inputs.ts';

/** One experiment's inputs. */
export interface EnsembleExperiment {
  readonly inputs: EnsembleInputs;
  /** The same, with points for every context. */
  readonly discrete: DiscreteInputs;
  /** Undefined: the experiment makes its own. */
  readonly targets: readonly Float64Array[] | undefined;
  /** k. */
  readonly keyDimension: number;
  /** Of random heads and targets. */
  readonly seed: number;
}

/** Three discrete contexts of 4, 5 and 6 normal points in the plane, normal tokens. */
export function randomInputs(seed: number): DiscreteInputs {
  const stream = randomStream(seed, 'ensemble inputs');
  const point = () => Array.from(stream.normals(new Float64Array(2)));
  const contexts = [4, 5, 6].map((n) => particles(Array.from({ length: n }, point)));
  return sampledInputs(ensembleInputs(contexts, contexts.map(point)));
}

/** The tokens of all inputs, one after the other, as a {@link TokenMap} returns them. */
export function flatTokens({ tokens }: Pick<EnsembleInputs, 'tokens'>): Float64Array {
  return Float64Array.from(tokens.flatMap((x) => Array.from(x)));
}

/** Final tokens displaced by independent normal numbers of the given size. */
export function displacedTargets(
  finals: Float64Array,
  dimension: number,
  size: number,
  seed: number,
): Float64Array[] {
  const noise = randomStream(seed, 'targets').normals(new Float64Array(finals.length));
  return splitTokens(
    finals.map((x, i) => x + size * noise[i]),
    dimension,
  );
}

/** N tokens of d numbers each, from N·d numbers. */
export function splitTokens(flat: Float64Array, dimension: number): Float64Array[] {
  return Array.from({ length: flat.length / dimension }, (_, i) =>
    flat.slice(i * dimension, (i + 1) * dimension),
  );
}
