import type { Study } from '../study.ts';
import { sphereFlowStudy } from './flow.ts';
import { spherePhaseStudy } from './phase.ts';

/** The studies of tokens on the sphere. */
export const sphereStudies: readonly Study[] = [
  sphereFlowStudy as Study,
  spherePhaseStudy as Study,
];
