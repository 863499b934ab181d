import { MesoscopeError, shortened } from '../errors.ts';
import { isObject, pathSteps, valueAt } from './tree.ts';

/**
 * Applies one `path=value` to a configuration and returns a new one. The path is `training.rate`, `depths.0` or
 * `depths[0]`. What the configuration leaves out on the way is taken from `defaults`, so that one field of a default
 * object or list can be changed alone; where that has nothing either, objects and lists are made. The value is read as
 * JSON, and as plain text if it is none.
 *
 * @param defaults - the configuration that runs where nothing is set
 * @throws MesoscopeError `invalid-value` if there is no `=`, or a step is empty, reserved or leads into a number or text
 */
export function applyAssignment(
  configuration: unknown,
  assignment: string,
  defaults: unknown = {},
): unknown {
  const equals = assignment.indexOf('=');
  if (equals <= 0) {
    throw refused('--set', assignment, 'path=value, as in training.rate=0.01');
  }
  const path = assignment.slice(0, equals);
  const value = readValue(assignment.slice(equals + 1));
  return setSteps(configuration, pathSteps(path), value, path, defaults);
}

/** Puts a value at a path (both as in {@link applyAssignment}) and returns a new configuration. */
export function setAtPath(
  configuration: unknown,
  path: string,
  value: unknown,
  defaults: unknown = {},
): unknown {
  return setSteps(configuration, pathSteps(path), value, path, defaults);
}

function setSteps(
  given: unknown,
  steps: readonly string[],
  value: unknown,
  path: string,
  defaults: unknown,
): unknown {
  const [step, ...rest] = steps;
  if (step === undefined) return value;
  const node = given ?? defaults;
  if (Array.isArray(node) || (node === undefined && /^\d+$/.test(step))) {
    const list: readonly unknown[] = node ?? [];
    const index = Number(step);
    if (!Number.isInteger(index) || index < 0 || index > list.length) {
      throw refused(path, step, `an index from 0 to ${list.length}`);
    }
    const copy = [...list];
    copy[index] = setSteps(list[index], rest, value, path, valueAt(defaults, [index]));
    return copy;
  }
  if (node !== undefined && node !== null && typeof node !== 'object') {
    throw refused(path, node, `an object or a list that holds "${step}"`);
  }
  const object = (node ?? {}) as Record<string, unknown>;
  const before = Object.hasOwn(object, step) ? object[step] : undefined;
  return { ...object, [step]: setSteps(before, rest, value, path, valueAt(defaults, [step])) };
}

/** Lays one configuration over another: objects are merged key by key, everything else is replaced. */
export function mergeConfigurations(base: unknown, top: unknown): unknown {
  if (!isObject(base) || !isObject(top)) return top;
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(top)) {
    merged[key] = Object.hasOwn(base, key) ? mergeConfigurations(base[key], value) : value;
  }
  return merged;
}

/** The paths at which two configurations differ, with both values. */
export function configurationDifferences(
  one: unknown,
  other: unknown,
  path = '',
): { readonly path: string; readonly one: unknown; readonly other: unknown }[] {
  if (isTree(one) && isTree(other) && Array.isArray(one) === Array.isArray(other)) {
    const a = one as Record<string, unknown>;
    const b = other as Record<string, unknown>;
    return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) =>
      configurationDifferences(a[key], b[key], path === '' ? key : `${path}.${key}`),
    );
  }
  return Object.is(one, other) ? [] : [{ path, one, other }];
}

function isTree(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function readValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function refused(path: string, received: unknown, expected: string): MesoscopeError {
  return new MesoscopeError({ code: 'invalid-value', path: shortened(path), received, expected });
}
