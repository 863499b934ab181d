import { MesoscopeError } from '../errors.ts';
import type { ActivationKind } from '../kernels/instruction.ts';

/** A checkpoint's configuration, read key by key: what is missing has the architecture's default, what is wrong is refused. */
export interface Settings {
  /** A whole number ≥ 1. */
  count(key: string, otherwise?: number): number;
  /** A finite number > 0. */
  positive(key: string, otherwise?: number): number;
  flag(key: string, otherwise: boolean): boolean;
  /** Height and width: one number for both, or a list of two. */
  size(key: string, otherwise: number): readonly [height: number, width: number];
  activation(key: string, otherwise: string): ActivationKind;
  /** The settings below a key; undefined where it is missing or null. */
  below(key: string): Settings | undefined;
  list(key: string): readonly unknown[] | undefined;
  /** Refuses every value of a key but one, which is what a missing key means. */
  only(key: string, value: unknown, because: string): void;
}

/** What Hugging Face calls the activations that there are here. */
const activations: Readonly<Record<string, ActivationKind>> = {
  gelu: 'gelu',
  gelu_python: 'gelu',
  gelu_new: 'gelu-tanh',
  gelu_pytorch_tanh: 'gelu-tanh',
  gelu_python_tanh: 'gelu-tanh',
  relu: 'relu',
  silu: 'silu',
  swish: 'silu',
  tanh: 'tanh',
};

/**
 * @param source - what the configuration belongs to, for messages
 * @throws MesoscopeError (its methods) `invalid-value`, `unknown-name`
 */
export function settingsOf(values: Readonly<Record<string, unknown>>, source: string): Settings {
  const path = (key: string) => `${source}, config, ${key}`;
  const refuse = (key: string, received: unknown, expected: string): never => {
    throw new MesoscopeError({ code: 'invalid-value', path: path(key), received, expected });
  };
  const present = (key: string, otherwise: unknown): unknown => values[key] ?? otherwise;
  const count = (key: string, received: unknown): number =>
    typeof received === 'number' && Number.isSafeInteger(received) && received >= 1
      ? received
      : refuse(key, received, 'a whole number ≥ 1');
  return {
    count: (key, otherwise) => count(key, present(key, otherwise)),
    positive(key, otherwise) {
      const received = present(key, otherwise);
      if (typeof received === 'number' && received > 0 && Number.isFinite(received)) {
        return received;
      }
      return refuse(key, received, 'a finite number > 0');
    },
    flag(key, otherwise) {
      const received = present(key, otherwise);
      return typeof received === 'boolean' ? received : refuse(key, received, 'true or false');
    },
    size(key, otherwise) {
      const received = present(key, otherwise);
      const [height, width] = Array.isArray(received) ? received : [received, received];
      return [count(key, height), count(key, width)];
    },
    activation(key, otherwise) {
      const received = String(present(key, otherwise));
      if (Object.hasOwn(activations, received)) return activations[received];
      const known = Object.keys(activations);
      throw new MesoscopeError({ code: 'unknown-name', kind: path(key), received, known });
    },
    below(key) {
      const received = values[key] ?? undefined;
      if (received === undefined) return undefined;
      if (typeof received !== 'object' || Array.isArray(received)) {
        return refuse(key, received, 'an object');
      }
      return settingsOf(received as Readonly<Record<string, unknown>>, path(key));
    },
    list(key) {
      const received = values[key] ?? undefined;
      if (received === undefined || Array.isArray(received)) return received;
      return refuse(key, received, 'a list');
    },
    only(key, value, because) {
      const received = present(key, value);
      if (received !== value) refuse(key, received, `${JSON.stringify(value)}: ${because}`);
    },
  };
}
