import { MesoscopeError } from '../errors.ts';
import { alternatives, below, type SchemaNode } from './description.ts';
import { isObject, pathText } from './tree.ts';

/** Bytes that a WebAssembly memory can address. */
const memoryLimit = 2 ** 32;

/** Seconds of the longest run that is begun: 30 days. */
const timeLimit = 30 * 86_400;

/** Operations a second of one core with 128-bit vectors at its peak, in f64. */
const coreSpeed = 3e10;

/** A whole number of the configuration that counts something. */
interface Count {
  readonly path: string;
  readonly key: string;
  readonly value: number;
}

/**
 * Refuses sizes that cannot be computed with, by a lower estimate. With S sequences of n tokens in R^d, H heads of key
 * dimension k, width m and L layers, at least `L + S n d + H (2k + d) d + 2 m d` numbers are held and
 * `2 L S (H n² (k + d) + H n (2k + d) d + 2 n m d)` operations made; every other count stands for one number each.
 *
 * @param lengths - of the lists of the configuration, by letter
 * @throws MesoscopeError `too-large` that names the largest count, with the estimate of memory and time
 */
export function requireFeasible(
  root: SchemaNode,
  configuration: unknown,
  lengths: ReadonlyMap<string, number>,
): void {
  const counts: Count[] = [];
  collect(root, alternatives(root, root), configuration, [], counts);
  if (counts.length === 0) return;
  const greatest = (a: Count, b: Count) => (b.value > a.value ? b : a);
  const largest = (...keys: readonly string[]) =>
    counts
      .filter(({ key }) => keys.includes(key))
      .reduce((most, { value }) => Math.max(most, value), 0);
  const size = (letter: string, ...keys: readonly string[]) =>
    largest(...keys) || lengths.get(letter) || 1;
  const L = size('L', 'depths', 'layers');
  const n = size('n', 'tokens');
  const d = size('d', 'dimension');
  const H = size('H', 'heads');
  const k = size('k', 'keyDimension');
  const m = largest('hidden');
  const S = size('S', 'samples');
  const { path, value: all } = counts.reduce(greatest);
  const bytes = 8 * Math.max(all, L + S * n * d + H * (2 * k + d) * d + 2 * m * d);
  const operations = 2 * L * S * (H * n * n * (k + d) + H * n * (2 * k + d) * d + 2 * n * m * d);
  const seconds = operations / coreSpeed;
  if (bytes <= memoryLimit && seconds <= timeLimit) return;
  throw new MesoscopeError({
    code: 'too-large',
    path,
    what: `with ${all} here the run`,
    bytes,
    budget: memoryLimit,
    seconds,
    secondsBudget: timeLimit,
    wayOut: 'Choose smaller sizes; nothing was started.',
  });
}

function collect(
  root: SchemaNode,
  nodes: readonly SchemaNode[],
  value: unknown,
  path: readonly PropertyKey[],
  counts: Count[],
): void {
  if (typeof value === 'number') {
    const key = path.findLast((step) => typeof step === 'string') as string;
    if (nodes.some(({ type }) => type === 'integer') && !/seeds?$/i.test(key)) {
      counts.push({ path: pathText(path), key, value });
    }
  } else if (Array.isArray(value)) {
    const items = below(root, nodes, 0);
    if (!holdsCounts(root, items)) return;
    // Of a list of numbers the largest stands for all.
    const numbers = value.every((entry) => typeof entry === 'number');
    const at = numbers ? value.reduce((best, n, i) => (n > value[best] ? i : best), 0) : undefined;
    value.forEach((entry, i) => {
      if (at === undefined || i === at) collect(root, items, entry, [...path, i], counts);
    });
  } else if (isObject(value)) {
    for (const [key, entry] of Object.entries(value)) {
      collect(root, below(root, nodes, key), entry, [...path, key], counts);
    }
  }
}

/** Whether a whole number may stand in what these nodes describe; in an object, one always may. */
function holdsCounts(root: SchemaNode, nodes: readonly SchemaNode[]): boolean {
  return nodes.some(
    (node) =>
      node.type === 'integer' ||
      node.type === 'object' ||
      (node.type === 'array' && holdsCounts(root, alternatives(root, node.items))),
  );
}
