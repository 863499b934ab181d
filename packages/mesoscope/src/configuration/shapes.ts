import { MesoscopeError } from '../errors.ts';
import { alternatives, axesOf, below, properties, type SchemaNode } from './description.ts';
import { isObject, pathText } from './tree.ts';

/** A list of the configuration whose description names its axes. */
interface ShapedField {
  readonly path: string;
  readonly axes: readonly string[];
  readonly shape: readonly number[];
  /** The items of lists in which it stands, `heads[0]`; empty at the root. */
  readonly item: string;
}

/**
 * Checks the lists of a configuration against each other: a letter in the descriptions of two fields is one length.
 * Letters of the root are the same everywhere; others belong to one item of a list (`k` may differ from head to head).
 *
 * @returns the lengths, by letter, of those that are the same everywhere
 * @throws MesoscopeError `shape-mismatch` that names the field at odds with the others, and whether it may be transposed
 */
export function agreeingLengths(root: SchemaNode, value: unknown): ReadonlyMap<string, number> {
  const fields: ShapedField[] = [];
  collect(root, fitting(alternatives(root, root), value), value, [], '', fields);
  const global = new Set(fields.filter(({ item }) => item === '').flatMap(({ axes }) => axes));
  const nameIn = (field: ShapedField, axis: number) =>
    global.has(field.axes[axis]) ? field.axes[axis] : `${field.item}:${field.axes[axis]}`;
  const lengths = new Map<string, number>();
  const odd = firstAtOdds(fields, nameIn, lengths);
  if (odd !== undefined) throw mismatch(fields, odd, nameIn);
  return new Map([...lengths].filter(([name]) => global.has(name)));
}

/** The first field with another length for a letter than the fields before it; `lengths` are noted on the way. */
function firstAtOdds(
  fields: readonly ShapedField[],
  nameIn: Naming,
  lengths: Map<string, number>,
): ShapedField | undefined {
  return fields.find((field) =>
    field.shape.some((length, axis) => {
      const name = nameIn(field, axis);
      if (!lengths.has(name)) lengths.set(name, length);
      return lengths.get(name) !== length;
    }),
  );
}

type Naming = (field: ShapedField, axis: number) => string;

/** Fields among which the odd one is looked for; the effort grows with their square. */
const mostJudged = 200;

/**
 * The complaint about the field without which the others agree. Where each of several would do, the transposed one is
 * meant, else the last; where none alone would, the first at odds with those before it.
 */
function mismatch(
  fields: readonly ShapedField[],
  odd: ShapedField,
  nameIn: Naming,
): MesoscopeError {
  const agree = (some: readonly ShapedField[]) =>
    firstAtOdds(some, nameIn, new Map()) === undefined;
  const judged = fields.slice(0, mostJudged).map((field, i) => {
    const others = fields.filter((_, j) => j !== i);
    const suffices = agree(others);
    const turned = {
      ...field,
      shape: [...field.shape.slice(0, -2), ...field.shape.slice(-2).reverse()],
    };
    const isTable = field.shape.length >= 2 && field.shape.every((length) => length > 1);
    const transposed = isTable && suffices && agree([...others, turned]);
    return { field, suffices, transposed };
  });
  const guilty = judged.filter(({ suffices }) => suffices);
  const { field, transposed } = guilty.find((one) => one.transposed) ??
    guilty.at(-1) ?? { field: odd, transposed: false };
  const others = fields.filter((other) => other !== field);
  const witnesses = new Set<string>();
  const expected = field.axes.map((letter, axis) => {
    const name = nameIn(field, axis);
    for (const other of others) {
      const at = other.axes.findIndex((_, b) => nameIn(other, b) === name);
      if (at < 0) continue;
      if (other.shape[at] !== field.shape[axis]) {
        witnesses.add(`${letter} = ${other.shape[at]} in ${other.path}`);
        return other.shape[at];
      }
    }
    return letter;
  });
  const hint = [...witnesses, ...(transposed ? ['transposed?'] : [])].join('; ');
  const { path, shape: received } = field;
  return new MesoscopeError({ code: 'shape-mismatch', path, received, expected, hint });
}

/** The alternatives that know every key of an object. */
function fitting(nodes: readonly SchemaNode[], value: unknown): readonly SchemaNode[] {
  if (!isObject(value)) return nodes;
  const keys = Object.keys(value);
  return nodes.filter((node) => {
    const known = properties(node);
    return node.properties === undefined || keys.every((key) => key in known);
  });
}

function collect(
  root: SchemaNode,
  nodes: readonly SchemaNode[],
  value: unknown,
  path: readonly PropertyKey[],
  item: string,
  fields: ShapedField[],
): void {
  if (Array.isArray(value)) {
    const axes = nodes.map(({ description }) => axesOf(description)).find((found) => found);
    if (axes !== undefined) {
      const shape = shapeOf(value, axes.length, path);
      if (shape.length === axes.length) fields.push({ path: pathText(path), axes, shape, item });
    }
    if (!value.some(isObject)) return;
    value.forEach((entry, i) => {
      const inner = [...path, i];
      const next = fitting(below(root, nodes, i), entry);
      collect(root, next, entry, inner, pathText(inner), fields);
    });
  } else if (isObject(value)) {
    for (const [key, entry] of Object.entries(value)) {
      const next = fitting(below(root, nodes, key), entry);
      collect(root, next, entry, [...path, key], item, fields);
    }
  }
}

/** Lengths of nested lists along at most `axes` axes. @throws MesoscopeError `shape-mismatch` if rows differ in length */
function shapeOf(value: unknown, axes: number, path: readonly PropertyKey[]): number[] {
  if (axes === 0 || !Array.isArray(value)) return [];
  if (value.length === 0) return [0];
  const first = shapeOf(value[0], axes - 1, [...path, 0]);
  value.forEach((entry, i) => {
    const shape = shapeOf(entry, axes - 1, [...path, i]);
    if (shape.length === first.length && shape.every((n, axis) => n === first[axis])) return;
    const where = pathText([...path, i]);
    const hint = `as ${pathText([...path, 0])}`;
    const sizes = { received: shape, expected: first };
    throw new MesoscopeError({ code: 'shape-mismatch', path: where, ...sizes, hint });
  });
  return [value.length, ...first];
}
