import * as z from 'zod';

/** A node of a JSON Schema. */
export type SchemaNode = Readonly<Record<string, unknown>>;

const descriptions = new WeakMap<z.ZodType, SchemaNode>();

/** The fields of a schema as JSON Schema (draft 2020-12), defaults and descriptions included. */
export function describeSchema(schema: z.ZodType): SchemaNode {
  const known = descriptions.get(schema);
  if (known !== undefined) return known;
  const made = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  descriptions.set(schema, made);
  return made;
}

/** A node with all its alternatives, references followed. */
export function alternatives(root: SchemaNode, node: unknown): SchemaNode[] {
  if (typeof node !== 'object' || node === null) return [];
  const schema = node as SchemaNode;
  const inner = [schema.anyOf, schema.oneOf, schema.allOf].flatMap((list) =>
    Array.isArray(list) ? list : [],
  );
  return [
    schema,
    ...[...inner, referenced(root, schema)].flatMap((next) => alternatives(root, next)),
  ];
}

/** `#/$defs/name`. */
function referenced(root: SchemaNode, { $ref }: SchemaNode): unknown {
  if (typeof $ref !== 'string') return undefined;
  return $ref
    .split('/')
    .slice(1)
    .reduce<unknown>((node, step) => (node as SchemaNode | undefined)?.[step], root);
}

/** The alternatives of what stands one step below. */
export function below(
  root: SchemaNode,
  nodes: readonly SchemaNode[],
  step: PropertyKey,
): SchemaNode[] {
  return nodes.flatMap((node) => {
    if (typeof step === 'number') {
      const prefix = node.prefixItems as readonly unknown[] | undefined;
      return alternatives(root, prefix?.[step] ?? node.items);
    }
    const child = properties(node)[String(step)] ?? node.additionalProperties;
    return alternatives(root, child);
  });
}

/** The fields of an object's node, by name. */
export function properties(node: SchemaNode): Readonly<Record<string, unknown>> {
  return Object.assign(Object.create(null), node.properties);
}

/**
 * The lengths that the beginning of a description gives to a list's axes, as letters: `k × d`, `the readout, C × d`,
 * `n tokens of d numbers` and `S sequences of n tokens of d numbers` do; a description that knows cases (`d × d; v × d
 * if there is an O`) gives none.
 */
export function axesOf(description: unknown): readonly string[] | undefined {
  if (typeof description !== 'string' || / if /.test(description)) return undefined;
  const product = /(?:^|[ ,(])([A-Za-z](?: × [A-Za-z])+)(?![A-Za-z\d])/.exec(description)?.[1];
  if (product !== undefined) return product.split(' × ');
  const counts = /^(?:[^,;:]+, )?([B-Zb-z] [a-z]+s(?: of [B-Zb-z] [a-z]+s)*)\b/.exec(
    description,
  )?.[1];
  return counts?.split(' of ').map((count) => count[0]);
}
