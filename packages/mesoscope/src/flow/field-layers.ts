import type { Field } from '../field/field.ts';
import type { Backend } from '../kernels/backend.ts';
import { requireShape, requireThat } from '../numeric/checks.ts';
import { cellOf, type PiecewiseConstantControls, piecewiseConstantControls } from './controls.ts';
import { checkGrid } from './grid.ts';
import type { DepthGrid, FieldLayers } from './types.ts';

/** One field as a stack of one layer without end. @throws MesoscopeError `shape-mismatch`, `invalid-value` */
export function fieldLayers(field: Field | FieldLayers): FieldLayers {
  if (!('fields' in field)) return { times: Float64Array.of(0, 1), fields: [field] };
  const { times, fields } = field;
  checkGrid({ times, profile: () => 1 });
  requireShape('field.fields', [fields.length], [times.length - 1]);
  fields.forEach(({ dimension }, k) => {
    requireShape(`dimension of field.fields[${k}]`, [dimension], [fields[0].dimension]);
  });
  return field;
}

/** P: the length of the longest parameter vector. */
export function longestParameters({ fields }: FieldLayers): number {
  return fields.reduce((most, { parameters }) => Math.max(most, parameters.length), 0);
}

/** The field of the step [from, to], which lies inside one layer. */
export function fieldOfStep({ times, fields }: FieldLayers, from: number, to: number): Field {
  return fields[cellOf(times, (from + to) / 2)];
}

/** What is made once for each field of a stack, found by the field; the same field in several layers shares it. */
export function createPrograms<T>(
  fields: readonly Field[],
  create: (field: Field) => T,
): (field: Field) => T {
  const programs = new Map<Field, T>();
  for (const field of fields) if (!programs.has(field)) programs.set(field, create(field));
  return (field) => programs.get(field) ?? create(field);
}

/** Refuses a grid with a step that reaches into two layers. @throws MesoscopeError `invalid-value` */
export function checkLayers({ times, fields }: FieldLayers, grid: DepthGrid): void {
  if (fields.length === 1) return;
  const missing = times.find((t) => !grid.times.includes(t));
  requireThat(
    missing === undefined,
    'grid.times',
    'steps from one layer into the next',
    `a grid that contains the depth ${missing}, where a layer ends`,
  );
}

/** Refuses a depth beyond the last layer, where no field is given. @throws MesoscopeError `invalid-value` */
export function checkReach({ times, fields }: FieldLayers, horizon: number): void {
  const end = times[times.length - 1];
  const fits = fields.length === 1 || horizon <= end;
  requireThat(fits, 'horizon', horizon, `at most ${end}, where the last layer ends`);
}

/**
 * Piecewise constant controls for layers whose parameters differ in number: vector k begins with the parameters of layer k and
 * is filled up with zeros.
 *
 * @param parameters one vector a layer, laid out as its field says.
 * @throws MesoscopeError `shape-mismatch`, `out-of-memory`
 */
export function layeredControls(
  backend: Backend,
  layers: FieldLayers,
  parameters: readonly ArrayLike<number>[],
): PiecewiseConstantControls {
  const { times, fields } = layers;
  requireShape('parameters', [parameters.length], [fields.length]);
  const longest = longestParameters(layers);
  const nodes = backend.allocate(fields.length * longest);
  parameters.forEach((vector, k) => {
    const { length } = fields[k].parameters;
    requireShape(`parameters[${k}]`, [vector.length], [length]);
    nodes.set(vector, k * longest);
  });
  return piecewiseConstantControls({ times, profile: () => 1 }, longest, nodes);
}
