import type * as z from 'zod';
import { MesoscopeError, nearest, preview, shortened } from '../errors.ts';
import { alternatives, below, describeSchema, properties, type SchemaNode } from './description.ts';
import { agreeingLengths } from './shapes.ts';
import { requireFeasible } from './sizes.ts';
import { unstacked } from './stacked.ts';
import { pathText, requireTree, valueAt } from './tree.ts';

/** One thing wrong with a configuration. */
interface Complaint {
  readonly path: string;
  readonly message: string;
}

/**
 * Checks a configuration against its schema and fills in the defaults: its form, then the lengths of its lists against
 * each other ({@link axesOf} tells what descriptions say about them), then whether its sizes can be computed with.
 * Every complaint names the path and what was received there; an unknown key is answered with the nearest known one.
 *
 * @throws MesoscopeError `invalid-configuration`, one issue for each path; `invalid-value` for what is no tree of
 *   fields; `shape-mismatch`; `too-large`
 */
export function parseConfiguration<T>(schema: z.ZodType<T>, input: unknown): T {
  requireTree(input);
  const description = describeSchema(schema);
  const given = unstacked(description, alternatives(description, description), input);
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const issues = parsed.error.issues.flatMap((issue) =>
      complaints(issue, [], given, description),
    );
    throw new MesoscopeError({ code: 'invalid-configuration', issues });
  }
  requireFeasible(description, parsed.data, agreeingLengths(description, parsed.data));
  return parsed.data;
}

function complaints(
  issue: z.core.$ZodIssue,
  prefix: readonly PropertyKey[],
  input: unknown,
  description: SchemaNode,
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
        return { path: pathText([...path, shortened(key)]), message: `unknown key. ${hint}` };
      });
    }
    case 'invalid_union': {
      // The alternative that came closest is the one that was meant: its complaints lie deepest, or are fewest.
      const [closest] = [...issue.errors].sort(
        (a, b) => depth(b) - depth(a) || a.length - b.length,
      );
      if (closest === undefined || depth(closest) === 0)
        return [complaint(issue, path, input, description)];
      return closest.flatMap((inner) => complaints(inner, path, input, description));
    }
    default:
      return [complaint(issue, path, input, description)];
  }
}

function complaint(
  issue: z.core.$ZodIssue,
  path: readonly PropertyKey[],
  input: unknown,
  description: SchemaNode,
): Complaint {
  const received = valueAt(input, path);
  const missing = issue.code === 'invalid_type' && received === undefined && path.length > 0;
  const suffix =
    received === undefined || issue.code === 'custom' || typeof received === 'object'
      ? ''
      : ` (received ${preview(received)})`;
  const meaning = missing
    ? nodesAt(description, path).find((node) => node.description !== undefined)?.description
    : undefined;
  const message = missing
    ? `is missing; expected ${issue.expected}${meaning === undefined ? '' : `: ${meaning}`}`
    : issue.message + suffix;
  return { path: pathText(path), message };
}

/** Steps to the deepest complaint. */
function depth(issues: readonly z.core.$ZodIssue[]): number {
  return issues.reduce((deepest, issue) => Math.max(deepest, issue.path.length), 0);
}

/** The keys that a JSON Schema knows at a path, over all its alternatives. */
function keysAt(description: SchemaNode, path: readonly PropertyKey[]): string[] {
  return [...new Set(nodesAt(description, path).flatMap((node) => Object.keys(properties(node))))];
}

function nodesAt(description: SchemaNode, path: readonly PropertyKey[]): readonly SchemaNode[] {
  return path.reduce<readonly SchemaNode[]>(
    (here, step) => below(description, here, step),
    alternatives(description, description),
  );
}
