import { MesoscopeError } from '../errors.ts';
import { below, properties, type SchemaNode } from './description.ts';
import { isObject, pathText } from './tree.ts';

/**
 * Where a list of objects is expected, one object of stacked lists may stand: `heads.Q` of shape H × k × d is
 * `heads[h].Q` for h < H, as PyTorch and JAX keep it.
 *
 * @throws MesoscopeError `shape-mismatch` if the lists differ in length
 */
export function unstacked(
  root: SchemaNode,
  nodes: readonly SchemaNode[],
  value: unknown,
  path: readonly PropertyKey[] = [],
): unknown {
  if (!isObject(value)) return value;
  const items = below(root, nodes, 0).filter((node) => node.properties !== undefined);
  const isList = items.length > 0 && !nodes.some((node) => node.properties !== undefined);
  const keys = Object.keys(value);
  const known = items.some((node) => keys.every((key) => key in properties(node)));
  const lists = Object.values(value);
  if (isList && known && keys.length > 0 && lists.every(Array.isArray)) {
    return Array.from({ length: commonLength(value, path) }, (_, h) =>
      Object.fromEntries(keys.map((key, k) => [key, lists[k][h]])),
    );
  }
  return Object.fromEntries(
    keys.map((key, k) => [key, unstacked(root, below(root, nodes, key), lists[k], [...path, key])]),
  );
}

function commonLength(
  stacked: Readonly<Record<string, unknown>>,
  path: readonly PropertyKey[],
): number {
  const entries = Object.entries(stacked) as [string, readonly unknown[]][];
  const [[firstKey, first]] = entries;
  const other = entries.find(([, list]) => list.length !== first.length);
  if (other === undefined) return first.length;
  throw new MesoscopeError({
    code: 'shape-mismatch',
    path: pathText([...path, other[0]]),
    received: [other[1].length],
    expected: [first.length],
    hint: `as many as ${pathText([...path, firstKey])}`,
  });
}
