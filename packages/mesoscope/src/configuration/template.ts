import type * as z from 'zod';
import {
  alternatives,
  axesOf,
  describeSchema,
  properties,
  type SchemaNode,
} from './description.ts';

/** Lengths of a template's lists, by the letter in their descriptions; 2 for letters that are not here. */
const usualLengths: Readonly<Record<string, number>> = { n: 3, N: 3, S: 3, m: 3 };

/** Lists whose descriptions count in words. */
const counted: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^sequences of tokens of d numbers/, ['S', 'n', 'd']],
  [/^a class \S+ … \S+ for every token/, ['S', 'n']],
  [/^a class for each sequence/, ['S']],
  [/^one class for each token/, ['n']],
  [/^N token laws/, ['N']],
];

/** What the parts of one template share. */
interface Drafting {
  readonly root: SchemaNode;
  readonly lengths: Readonly<Record<string, number>>;
  /** The next number of the template. */
  next(): number;
}

/**
 * A complete configuration to begin with: defaults as they are, small numbers in lists whose descriptions tell their
 * axes, each field preceded by its description under a key that begins with `//`. Other fields that may be left out are
 * named by their description only.
 */
export function configurationTemplate(schema: z.ZodType): unknown {
  const root = describeSchema(schema);
  const drafting = { root, lengths: lengthsIn(root), next: stream() };
  return draft(drafting, alternatives(root, root), '');
}

/** Lengths that a schema fixes: `d × d, d = 1 or 2` makes d = 1. */
function lengthsIn(root: SchemaNode): Readonly<Record<string, number>> {
  const fixed = JSON.stringify(root).matchAll(/\b([A-Za-z]) = (\d) or \d/g);
  return {
    ...usualLengths,
    ...Object.fromEntries(Array.from(fixed, ([, letter, length]) => [letter, Number(length)])),
  };
}

/** Numbers in [−1, 1] with two decimals, the same in every template (a Weyl sequence in the golden ratio). */
function stream(): () => number {
  let at = 0;
  return () => {
    at = (at + (Math.sqrt(5) - 1) / 2) % 1;
    return Math.round(200 * at - 100) / 100;
  };
}

function draft(drafting: Drafting, nodes: readonly SchemaNode[], key: string): unknown {
  const preset = presetOf(nodes);
  if (preset !== undefined) return preset;
  const node = nodes.find(({ type, enum: names }) => type !== undefined || names !== undefined);
  if (node === undefined) return null;
  if (Array.isArray(node.enum)) return node.enum[0];
  switch (node.type) {
    case 'object':
      return draftObject(drafting, node);
    case 'array':
      return draftList(drafting, node, key, descriptionOf(nodes));
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

function descriptionOf(nodes: readonly SchemaNode[]): string {
  return String(nodes.find(({ description }) => description !== undefined)?.description ?? '');
}

/** A default that shows something: an empty list does not. */
function presetOf(nodes: readonly SchemaNode[]): unknown {
  const preset = nodes.find((node) => node.default !== undefined)?.default;
  return Array.isArray(preset) && preset.length === 0 ? undefined : preset;
}

function draftObject(drafting: Drafting, node: SchemaNode): unknown {
  const required = new Set(Array.isArray(node.required) ? node.required : []);
  const made: Record<string, unknown> = {};
  for (const [name, child] of Object.entries(properties(node))) {
    const nodes = alternatives(drafting.root, child);
    const description = descriptionOf(nodes);
    const isGiven =
      required.has(name) ||
      nodes.some((one) => one.default !== undefined) ||
      axesIn(description) !== undefined;
    if (description !== '' || !isGiven) {
      made[`// ${name}`] = isGiven ? description : `may be left out; ${description}`;
    }
    if (isGiven) made[name] = draft(drafting, nodes, name);
  }
  return made;
}

function draftList(
  drafting: Drafting,
  node: SchemaNode,
  key: string,
  description: string,
): unknown {
  const items = alternatives(drafting.root, node.items);
  const shape = axesIn(description)?.map((letter) => drafting.lengths[letter] ?? 2);
  const whole = innermost(drafting.root, items).some(({ type }) => type === 'integer');
  const objects = items.some(({ type }) => type === 'object');
  if (shape === undefined || objects) {
    const count = Math.max(Number(node.minItems ?? 1), shape?.[0] ?? (objects ? 3 : 1));
    return Array.from({ length: count }, (_, i) => (whole ? i % 2 : draft(drafting, items, key)));
  }
  const build = (axis: number, index: readonly number[]): unknown => {
    if (axis < shape.length) {
      return Array.from({ length: shape[axis] }, (_, i) => build(axis + 1, [...index, i]));
    }
    if (whole) return index[index.length - 1] % 2;
    if (/semi-definite/.test(description)) return index[0] === index[1] ? 1 : 0.2;
    if (/^(weights|masses)$/.test(key)) return 1 / shape[0];
    return drafting.next();
  };
  return build(0, []);
}

/** The axes of a list, in the first case where its description knows several (`d × d; v × d if there is an O`). */
function axesIn(description: string): readonly string[] | undefined {
  return (
    axesOf(description) ??
    counted.find(([words]) => words.test(description))?.[1] ??
    axesOf(description.split(';')[0])
  );
}

function innermost(root: SchemaNode, nodes: readonly SchemaNode[]): readonly SchemaNode[] {
  const lists = nodes.filter(({ type }) => type === 'array');
  if (lists.length === 0) return nodes;
  return innermost(
    root,
    lists.flatMap((list) => alternatives(root, list.items)),
  );
}
