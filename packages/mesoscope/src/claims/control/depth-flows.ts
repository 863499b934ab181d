import {
  type DepthExperiment,
  explicitExperiment,
  randomExperiment,
  reference,
} from '../../control/depth/depth-experiment.ts';
import type { FlowStatus } from '../../flow/types.ts';
import type { Backend } from '../../kernels/backend.ts';
import type { Condition } from '../check.ts';
import { experimentCount, increasing } from '../fields.ts';
import { experiments } from '../given.ts';
import { defaultDepths, depthData, horizonField } from './depth-instance.ts';

/** Flows over depth: random ones, or one explicit sequence under one explicit layer. */
export function depthFlows(settings: {
  readonly depths: readonly number[];
  readonly flows: number;
  readonly fullFlows: number;
  /** Pieces that the claim's own experiments have besides the random flows; default 0. */
  readonly more?: number;
}) {
  return experiments({
    label: 'flows',
    shared: {
      horizon: horizonField,
      depths: increasing(settings.depths, 4, 'numbers of layers L'),
    },
    own: {
      flows: experimentCount(
        settings.flows,
        'random flows: depth-varying causal attention and feed-forward layers',
      ),
    },
    data: depthData,
    full: { flows: settings.fullFlows, depths: defaultDepths },
    pieces: (given) => (given.explicit ? 1 : given.flows + (settings.more ?? 0)),
  });
}

export type DepthFlows = ReturnType<ReturnType<typeof depthFlows>['parse']>;

/** The flow of one piece. */
export function flowOf(
  backend: Backend,
  given: DepthFlows,
  seed: number,
  index: number,
): DepthExperiment {
  return given.explicit
    ? explicitExperiment(backend, given)
    : randomExperiment(backend, seed, index, given.horizon);
}

/** That what layers are compared with exists, by how its integrations ended. */
export function existence(name: string, ended: readonly FlowStatus['kind'][]): Condition {
  const lost = ended.find((kind) => kind === 'diverged' || kind === 'step-too-small');
  return { name, holds: lost === undefined, value: lost ?? 'integrated to T' };
}

/** That it was integrated to its end. */
export function integrated(ended: readonly FlowStatus['kind'][]): Condition {
  const open = ended.find((kind) => kind !== 'completed');
  return {
    name: `the flow was integrated within ${reference.stepLimit} steps`,
    holds: open === undefined,
    value: open ?? 'completed',
  };
}
