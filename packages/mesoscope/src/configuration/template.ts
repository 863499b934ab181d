import type { z } from 'zod';
import {
  alternatives,
  axesOf,
  describeSchema,
  properties,
  type SchemaNode,
} from './description.ts';

/** Lengths of a template's lists, by the letter in their descriptions; 2 for letters that are not here. */
const lengths: Readonly<Record<string, number>> = { n: 3, N: 3, S: 3, m: 3, k: 2, d: 2, C: 2 };

/** What lists are counted by that say so in words only. */
const counted: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^sequences of tokens of d numbers/, ['S', 'n', 'd']],
  [/^a class \S+ … \S+ for every token/, ['S', 'n']],
  [/^a class for each sequence/, ['S']],
  [/^one class for each token/, ['n']],
  [/^N token laws/, ['N']],
];

/**
 * A complete configuration to begin with: every field that is required or has a default, defaults as they are and small
 * numbers elsewhere, each field preceded by its description under a key that begins with `//`. Fields that may be left
 * out are named by their description only.
 */
export function configurationTemplate(schema: z.ZodType): unknown {
  const root = describeSchema(schema);
  return example(root, alternatives(root, root), '', stream());
}

/** Numbers in [−1, 1] with two decimals, the same in every template (a Weyl sequence in the golden ratio). */
function stream(): () => number {
  let at = 0;
  return () => {
    at = (at + (Math.sqrt(5) - 1) / 2) % 1;
    return Math.round(200 * at - 100) / 100;
  };
}

function example(
  root: SchemaNode,
  nodes: readonly SchemaNode[],
  key: string,
  next: () => number,
): unknown {
  const preset = nodes.find((node) => node.default !== undefined)?.default;
  if (preset !== undefined && !isEmptyList(preset)) return preset;
  const node = nodes.find(({ type, enum: names }) => type !== undefined || names !== undefined);
  if (node === undefined) return null;
  const described = nodes.find(({ description }) => description !== undefined);
  const description = String(described?.description ?? '');
  if (Array.isArray(node.enum)) return node.enum[0];
  switch (node.type) {
    case 'object':
      return exampleObject(root, node, next);
    case 'array':
      return exampleList(root, node, key, description, next);
    case 'integer':
      return Math.max(2, Number(node.minimum ?? 2));
    case 'number':
      return Math.max(1, Number(node.minimum ?? 1));
    case 'boolean':
      return false;
    case 'string':
      return key;
    default:
      return null;
  }
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function exampleObject(root: SchemaNode, node: SchemaNode, next: () => number): unknown {
  const required = new Set(Array.isArray(node.required) ? node.required : []);
  const made: Record<string, unknown> = {};
  for (const [name, child] of Object.entries(properties(node))) {
    const nodes = alternatives(root, child);
    const described = nodes.find(({ description }) => description !== undefined);
    const isPreset = nodes.some((one) => one.default !== undefined);
    const left = !required.has(name) && !isPreset;
    if (described !== undefined || left) {
      const text = String(described?.description ?? '');
      made[`// ${name}`] = left ? `may be left out; ${text}` : text;
    }
    if (!left) made[name] = example(root, nodes, name, next);
  }
  return made;
}

function exampleList(
  root: SchemaNode,
  node: SchemaNode,
  key: string,
  description: string,
  next: () => number,
): unknown {
  const items = alternatives(root, node.items);
  const letters =
    axesOf(description) ??
    counted.find(([words]) => words.test(description))?.[1] ??
    firstProduct(description);
  const shape = letters?.map((letter) => lengths[letter] ?? 2);
  const whole = innermost(root, items).some(({ type }) => type === 'integer');
  const objects = items.some(({ type }) => type === 'object');
  if (shape === undefined || objects) {
    const count = Math.max(Number(node.minItems ?? 1), shape?.[0] ?? (objects ? 2 : 1));
    return Array.from({ length: count }, (_, i) =>
      whole ? i % 2 : example(root, items, key, next),
    );
  }
  const build = (axis: number, index: readonly number[]): unknown => {
    if (axis < shape.length) {
      return Array.from({ length: shape[axis] }, (_, i) => build(axis + 1, [...index, i]));
    }
    if (whole) return index[index.length - 1] % 2;
    if (/semi-definite/.test(description)) return index[0] === index[1] ? 1 : 0.2;
    if (/^weights|masses$/.test(key)) return 1 / shape[0];
    return next();
  };
  return build(0, []);
}

/** The first case of a description that knows several: `d × d; v × d if there is an O`. */
function firstProduct(description: string): readonly string[] | undefined {
  return axesOf(description.split(';')[0]);
}

function innermost(root: SchemaNode, nodes: readonly SchemaNode[]): readonly SchemaNode[] {
  const lists = nodes.filter(({ type }) => type === 'array');
  return lists.length === 0
    ? nodes
    : innermost(
        root,
        lists.flatMap((list) => alternatives(root, list.items)),
      );
}
