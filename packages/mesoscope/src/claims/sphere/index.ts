import type { Claim } from '../claim.ts';
import { causal } from './causal.ts';
import { sphereClustering } from './clustering.ts';
import { energy } from './energy.ts';
import { equiangular } from './equiangular.ts';
import { leaders } from './leaders.ts';
import { meanField } from './mean-field.ts';
import { metastability } from './metastability.ts';
import { normalisationPlacement } from './normalisation.ts';
import { polytope } from './polytope.ts';

/** The claims about tokens on the sphere and their neighbours, in the order of the theory pages. */
export const sphereClaims: readonly Claim[] = [
  energy,
  sphereClustering,
  equiangular,
  metastability,
  polytope,
  leaders,
  causal,
  normalisationPlacement,
  meanField,
];
