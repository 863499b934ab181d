import type { Backend } from '../../kernels/backend.ts';
import { experimentCount, increasing } from '../fields.ts';
import { experiments } from '../given.ts';
import { type DepthExperiment, explicitExperiment, randomExperiment } from './depth-experiment.ts';
import { defaultDepths, depthInstanceShape } from './depth-instance.ts';

const { h0, heads, feedForward, causal, horizon } = depthInstanceShape;

/** Flows over depth: random ones, or one explicit sequence under one explicit layer. */
export const depthFlows = experiments({
  label: 'flows',
  shared: { horizon, depths: increasing(defaultDepths, 4, 'numbers of layers L') },
  own: {
    flows: experimentCount(
      6,
      'random flows: depth-varying causal attention and feed-forward layers',
    ),
  },
  data: { h0, heads, feedForward, causal },
  full: { flows: 24 },
  pieces: (given) => (given.explicit ? 1 : given.flows),
});

export type DepthFlows = ReturnType<typeof depthFlows.parse>;

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
