import { MesoscopeError, nearest, shortened } from '../errors.ts';

/** Lists and objects that may stand in one another. */
export const mostLevels = 64;

/** Characters of a path such as `heads.0.Q`. */
const longestPath = 1000;

/** Names that mean something to JavaScript itself and to no configuration. */
const reservedKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Whether a value is an object with fields: no list, no typed array. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !ArrayBuffer.isView(value)
  );
}

/** `heads[0].Q`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((step, i) =>
      typeof step === 'number' ? `[${step}]` : `${i > 0 ? '.' : ''}${String(step)}`,
    )
    .join('');
}

/** What stands at a path; undefined where nothing does. */
export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let here = value;
  for (const step of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, step)) return undefined;
    here = (here as Record<PropertyKey, unknown>)[step];
  }
  return here;
}

/**
 * The steps of `training.rate`, `depths.0` or `depths[0]`.
 *
 * @throws MesoscopeError `invalid-value` for an empty step, a reserved name, or a path too long or too deep
 */
export function pathSteps(path: string): string[] {
  const steps = path
    .slice(0, longestPath)
    .replace(/\[(\d+)\]/g, '.$1')
    .split('.');
  const expected = 'a path such as training.rate or depths[0]';
  if (path.length > longestPath || steps.length > mostLevels) {
    const wayOut = `It has at most ${mostLevels} steps and ${longestPath} characters.`;
    throw new MesoscopeError({
      code: 'invalid-value',
      path: shortened(path),
      received: `${path.length} characters`,
      expected,
      wayOut,
    });
  }
  const bad = steps.find((step) => step === '' || reservedKeys.has(step));
  if (bad !== undefined) {
    throw new MesoscopeError({ code: 'invalid-value', path, received: bad, expected });
  }
  return steps;
}

/**
 * Refuses what no configuration is: something nested deeper than 64 levels (or in itself), and keys such as
 * `__proto__`, which would change how JavaScript sees the object.
 *
 * @throws MesoscopeError `invalid-value`
 */
export function requireTree(root: unknown): void {
  const visit = (node: unknown, path: readonly PropertyKey[]): void => {
    if (typeof node !== 'object' || node === null || ArrayBuffer.isView(node)) return;
    if (path.length >= mostLevels) {
      throw new MesoscopeError({
        code: 'invalid-value',
        path: pathText(path),
        received: node,
        expected: `at most ${mostLevels} lists and objects in one another`,
      });
    }
    if (Array.isArray(node)) {
      for (let i = 0; i < node.length; i++) {
        if (typeof node[i] === 'object') visit(node[i], [...path, i]);
      }
      return;
    }
    for (const [key, value] of Object.entries(node)) {
      if (reservedKeys.has(key)) {
        throw new MesoscopeError({
          code: 'invalid-value',
          path: pathText([...path, key]),
          received: value,
          expected: 'another name: this one is reserved by JavaScript',
        });
      }
      visit(value, [...path, key]);
    }
  };
  visit(root, []);
}

/**
 * A configuration that a person handed over must name something: an empty list, a number or `{}` would let the
 * default run in its place.
 *
 * @param source - what it was read from, for the sentence
 * @throws MesoscopeError `invalid-value`, saying what was found
 */
export function requireNamedFields(value: unknown, source: string): void {
  if (isObject(value) && Object.keys(value).length > 0) {
    requireTree(value);
    return;
  }
  throw new MesoscopeError({
    code: 'invalid-value',
    path: source,
    received: value,
    expected: 'an object that names at least one field, as {"horizon": 2}',
    wayOut: 'To run the default, leave it out.',
  });
}

/**
 * Refuses options of a call that lack a field, or have one that nothing reads.
 *
 * @param what - the argument, for the sentence: `arguments of evaluateField`
 * @throws MesoscopeError `invalid-configuration`, one issue for each field
 */
export function requireFields(
  what: string,
  value: unknown,
  fields: { readonly needed: readonly string[]; readonly optional: readonly string[] },
): void {
  const keys = isObject(value) ? Object.keys(value) : [];
  const known = [...fields.needed, ...fields.optional];
  const unknown = keys.filter((key) => !known.includes(key));
  const missing = fields.needed.filter((key) => !keys.includes(key));
  if (unknown.length === 0 && missing.length === 0) return;
  const issues = [
    ...unknown.map((key) => {
      const near = nearest(key, known);
      const hint = near === undefined ? `Known: ${known.join(', ')}.` : `Did you mean "${near}"?`;
      return { path: shortened(key), message: `unknown key. ${hint}` };
    }),
    ...missing.map((key) => ({ path: key, message: 'is missing' })),
  ];
  throw new MesoscopeError({ code: 'invalid-configuration', subject: what, issues });
}
