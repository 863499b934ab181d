import * as z from 'zod';
import { parseConfiguration } from '../../configuration/parse.ts';
import { MesoscopeError } from '../../errors.ts';
import type { LayerFamily, PhaseGrid } from '../../gaussian/phase.ts';
import { gaussianFlowSchema, lawOfInstance, layerOfInstance } from '../../gaussian/schema.ts';
import { refuse } from '../../numeric/checks.ts';

const axis = (path: string) =>
  z
    .strictObject({
      path: z
        .string()
        .min(1)
        .default(path)
        .describe('what varies, as heads.0.B.0.1 (an entry, set) or heads.0.B (a matrix, scaled)'),
      from: z.number().default(-2),
      to: z.number().default(2),
      points: z.int().min(2).max(400).default(41),
    })
    .refine(({ from, to }) => to > from, { message: 'to must exceed from' })
    .prefault({});

export const phaseSchema = z.strictObject({
  seed: z.int().min(0).default(1),
  flow: gaussianFlowSchema
    .default({
      law: {
        mean: [0, 0],
        covariance: [
          [1, 0.3],
          [0.3, 0.7],
        ],
      },
      attention: 'softmax',
      heads: [
        {
          V: [
            [1, 0],
            [0, 1],
          ],
          B: [
            [1, 0.4],
            [-0.4, -0.6],
          ],
        },
      ],
      W: [
        [1, 0.3],
        [-0.3, 0.8],
      ],
      horizon: 10,
    })
    .describe('the layer and law that the two parameters change'),
  x: axis('heads.0.B.0.0'),
  y: axis('W'),
});

export type Phase = z.infer<typeof phaseSchema>;

/** The axes of the diagram. */
export function gridOf({ x, y }: Phase): PhaseGrid {
  return { x: equidistant(x), y: equidistant(y) };
}

function equidistant({ from, to, points }: Phase['x']): number[] {
  return Array.from({ length: points }, (_, k) =>
    k === points - 1 ? to : from + ((to - from) * k) / (points - 1),
  );
}

/** The flow of the configuration with both parameters put in. @throws MesoscopeError `unknown-name` for a path into nothing */
export function familyOf({ flow, x, y }: Phase): LayerFamily {
  return (a, b) => {
    const changed = structuredClone(flow) as unknown;
    place(changed, x.path, a);
    place(changed, y.path, b);
    const instance = parseConfiguration(gaussianFlowSchema, changed);
    return { layer: layerOfInstance(instance), law: lawOfInstance(instance.law) };
  };
}

type Nested = number | Nested[];

function place(root: unknown, path: string, value: number): void {
  const keys = path.split('.');
  let parent: Record<string, unknown> | undefined;
  let node = root;
  for (const key of keys) {
    const known = typeof node === 'object' && node !== null ? Object.keys(node) : [];
    if (!known.includes(key)) {
      throw new MesoscopeError({
        code: 'unknown-name',
        kind: `part of ${path}`,
        received: key,
        known,
      });
    }
    parent = node as Record<string, unknown>;
    node = parent[key];
  }
  const last = keys[keys.length - 1];
  if (parent === undefined || !(typeof node === 'number' || Array.isArray(node))) {
    refuse(path, typeof node, 'a number or a matrix');
  }
  const scaled = (given: Nested): Nested =>
    typeof given === 'number' ? value * given : given.map(scaled);
  parent[last] = typeof node === 'number' ? value : scaled(node as Nested);
}
