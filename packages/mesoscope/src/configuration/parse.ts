import { z } from 'zod';
import { MesoscopeError, nearest } from '../errors.ts';

/** One thing wrong with a configuration. */
interface Complaint {
  readonly path: string;
  readonly message: string;
}

/**
 * Checks a configuration against its schema and fills in the defaults. Every complaint names the path and what was
 * received there; an unknown key is answered with the nearest known one.
 *
 * @throws MesoscopeError `invalid-configuration`, one issue for each path
 */
export function parseConfiguration<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const description = describeSchema(schema);
  const issues = parsed.error.issues.flatMap((issue) => complaints(issue, [], input, description));
  throw new MesoscopeError({ code: 'invalid-configuration', issues });
}

/** The fields of a schema as JSON Schema (draft 2020-12), defaults and descriptions included. */
export function describeSchema(schema: z.ZodType): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
}

function complaints(
  issue: z.core.$ZodIssue,
  prefix: readonly PropertyKey[],
  input: unknown,
  description: unknown,
): Complaint[] {
  const path = [...prefix, ...issue.path];
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = keysAt(description, path);
      return issue.keys.map((key) => {
        const near = nearest(key, known);
        const hint =
          near !== undefined
            ? `Did you mean "${near}"?`
            : known.length > 0
              ? `Known here: ${known.join(', ')}.`
              : 'Nothing may stand here.';
        return { path: pathText([...path, key]), message: `unknown key. ${hint}` };
      });
    }
    case 'invalid_union': {
      // The alternative that came closest is the one that was meant: its complaints lie deepest, or are fewest.
      const [closest] = [...issue.errors].sort(
        (a, b) => depth(b) - depth(a) || a.length - b.length,
      );
      if (closest === undefined || depth(closest) === 0) return [complaint(issue, path, input)];
      return closest.flatMap((inner) => complaints(inner, path, input, description));
    }
    default:
      return [complaint(issue, path, input)];
  }
}

function complaint(
  issue: z.core.$ZodIssue,
  path: readonly PropertyKey[],
  input: unknown,
): Complaint {
  const received = valueAt(input, path);
  const suffix =
    received === undefined || issue.code === 'custom' || typeof received === 'object'
      ? ''
      : ` (received ${typeof received === 'number' ? received : JSON.stringify(received)})`;
  return { path: pathText(path), message: issue.message + suffix };
}

function depth(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length));
}

/** `heads[0].Q`. */
function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((step, i) =>
      typeof step === 'number' ? `[${step}]` : `${i > 0 ? '.' : ''}${String(step)}`,
    )
    .join('');
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let here = value;
  for (const step of path) {
    if (typeof here !== 'object' || here === null) return undefined;
    here = (here as Record<PropertyKey, unknown>)[step];
  }
  return here;
}

/** The keys that a JSON Schema knows at a path, over all its alternatives. */
function keysAt(description: unknown, path: readonly PropertyKey[]): string[] {
  let nodes = alternatives(description);
  for (const step of path) {
    nodes = nodes.flatMap((node) => {
      const child =
        typeof step === 'number'
          ? ((node.prefixItems as unknown[] | undefined)?.[step] ?? node.items)
          : ((node.properties as Record<PropertyKey, unknown> | undefined)?.[step] ??
            node.additionalProperties);
      return alternatives(child);
    });
  }
  return [...new Set(nodes.flatMap((node) => Object.keys(node.properties ?? {})))];
}

function alternatives(node: unknown): Record<string, unknown>[] {
  if (typeof node !== 'object' || node === null) return [];
  const schema = node as Record<string, unknown>;
  const inner = [schema.anyOf, schema.oneOf, schema.allOf].flatMap((list) =>
    Array.isArray(list) ? list : [],
  );
  return [schema, ...inner.flatMap(alternatives)];
}
