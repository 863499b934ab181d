import type { Backend, FloatArray } from '../kernels/backend.ts';
import { combineNodes, nodeView } from './controls.ts';
import type { ParameterPattern } from './step-programs.ts';
import type { Controls, NodeCombination, Scheme } from './types.ts';

/**
 * θ at the stages of a step. Stages with the same combination of nodes share a parameter slot; a combination that is
 * one node with weight 1 is read where it lies.
 */
export interface StageParameters {
  /** Looks at the step [t, t + ε] of the controls. The fields below describe this step until the next call. */
  prepare(controls: Controls, from: number, to: number): void;
  /** Number of parameter slots in use. */
  readonly slots: number;
  /** Slot of each stage. */
  readonly pattern: ParameterPattern;
  /** The pattern as one number, to find its program. */
  readonly key: number;
  /** Combination of slot p. */
  combination(p: number): NodeCombination;
  /** Vector of slot p, in backend memory. */
  vector(p: number): FloatArray;
}

/** Memory for the combined vectors is allocated here, once: stages × P. */
export function createStageParameters(
  backend: Backend,
  scheme: Pick<Scheme, 'c'>,
  parameterCount: number,
): StageParameters {
  const stages = scheme.c.length;
  const combined = backend.allocate(stages * parameterCount);
  const own = scheme.c.map((_, p) => nodeView(combined, parameterCount, p));
  const vectors = [...own];
  const combinations: NodeCombination[] = scheme.c.map(() => []);
  const pattern: number[] = scheme.c.map(() => 0);
  let slots = 0;
  let key = 0;
  let viewsOf: Controls | undefined;
  const views: FloatArray[] = [];

  function view(controls: Controls, node: number): FloatArray {
    if (viewsOf !== controls) {
      viewsOf = controls;
      views.length = 0;
      for (let j = 0; j < controls.nodeCount; j++) {
        views.push(nodeView(controls.nodes, parameterCount, j));
      }
    }
    return views[node];
  }

  function slotOf(combination: NodeCombination): number {
    for (let p = 0; p < slots; p++) if (same(combinations[p], combination)) return p;
    combinations[slots] = combination;
    return slots++;
  }

  return {
    prepare(controls, from, to) {
      slots = 0;
      key = 0;
      for (let i = 0; i < stages; i++) {
        pattern[i] = slotOf(controls.combination(stageDepth(scheme.c[i], from, to), from, to));
        key = key * stages + pattern[i];
      }
      for (let p = 0; p < slots; p++) {
        const combination = combinations[p];
        if (isSingleNode(combination)) {
          vectors[p] = view(controls, combination[0].node);
        } else {
          vectors[p] = own[p];
          combineNodes(controls, combination, own[p]);
        }
      }
    },
    get slots() {
      return slots;
    },
    pattern,
    get key() {
      return key;
    },
    combination: (p) => combinations[p],
    vector: (p) => vectors[p],
  };
}

/** `t + cε`, exact at both ends of the step. */
export function stageDepth(c: number, from: number, to: number): number {
  return c === 0 ? from : c === 1 ? to : from + c * (to - from);
}

/** Whether θ is one node itself. */
export function isSingleNode(combination: NodeCombination): boolean {
  return combination.length === 1 && combination[0].weight === 1;
}

function same(x: NodeCombination, y: NodeCombination): boolean {
  if (x === y) return true;
  if (x.length !== y.length) return false;
  return x.every((term, i) => term.node === y[i].node && term.weight === y[i].weight);
}
