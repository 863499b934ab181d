import type { Study } from '../study.ts';
import { ensembleClaimStudies } from './claim-studies.ts';
import { injectivityLab } from './injectivity.ts';
import { ensembleTrainings } from './training.ts';

/** The studies of laws of heads at every depth. */
export const ensembleStudies: readonly Study[] = [
  ...ensembleTrainings,
  injectivityLab as Study,
  ...ensembleClaimStudies,
];
