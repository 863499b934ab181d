import { MesoscopeError } from '../errors.ts';
import type { Field } from '../field/field.ts';
import type { Backend } from '../kernels/backend.ts';
import { type PiecewiseConstantControls, piecewiseConstantControls } from './controls.ts';
import { checkGrid } from './grid.ts';
import type { DepthGrid, FieldLayers } from './types.ts';

/** One field as a stack of one layer without end. @throws MesoscopeError `shape-mismatch`, `invalid-value` */
export function fieldLayers(field: Field | FieldLayers): FieldLayers {
  if (!('fields' in field)) return { times: Float64Array.of(0, 1), fields: [field] };
  const { times, fields } = field;
  checkGrid({ times, profile: () => 1 });
  if (times.length !== fields.length + 1) {
    throw mismatch('field.fields', [fields.length], [times.length - 1]);
  }
  fields.forEach(({ dimension }, k) => {
    if (dimension === fields[0].dimension) return;
    throw mismatch(`dimension of field.fields[${k}]`, [dimension], [fields[0].dimension]);
  });
  return field;
}

/** P: the length of the longest parameter vector. */
export function longestParameters({ fields }: FieldLayers): number {
  return fields.reduce((most, { parameters }) => Math.max(most, parameters.length), 0);
}

/** Refuses a grid with a step that reaches into two layers. @throws MesoscopeError `invalid-value` */
export function checkLayers({ times, fields }: FieldLayers, grid: DepthGrid): void {
  if (fields.length === 1) return;
  const missing = times.find((t) => !grid.times.includes(t));
  if (missing === undefined) return;
  throw new MesoscopeError({
    code: 'invalid-value',
    path: 'grid.times',
    received: 'steps from one layer into the next',
    expected: `a grid that contains the depth ${missing}, where a layer ends`,
  });
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
  if (parameters.length !== fields.length) {
    throw mismatch('parameters', [parameters.length], [fields.length]);
  }
  const longest = longestParameters(layers);
  const nodes = backend.allocate(fields.length * longest);
  parameters.forEach((vector, k) => {
    const { length } = fields[k].parameters;
    if (vector.length !== length) throw mismatch(`parameters[${k}]`, [vector.length], [length]);
    nodes.set(vector, k * longest);
  });
  return piecewiseConstantControls({ times, profile: () => 1 }, longest, nodes);
}

function mismatch(
  path: string,
  received: readonly number[],
  expected: readonly number[],
): MesoscopeError {
  return new MesoscopeError({ code: 'shape-mismatch', path, received, expected });
}
