import type { Study } from '../study.ts';
import { blowUpStudy } from './blow-up.ts';
import { phaseStudy } from './phase.ts';
import { steerStudy } from './steer.ts';
import { transformersStudy } from './transformers.ts';

/** The studies of Gaussian token laws. */
export const gaussianStudies: readonly Study[] = [
  steerStudy as Study,
  phaseStudy as Study,
  transformersStudy as Study,
  blowUpStudy as Study,
];
