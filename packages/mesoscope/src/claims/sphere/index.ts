import type { Claim } from '../claim.ts';
import { causal } from './causal.ts';
import { sphereClustering } from './clustering.ts';
import { energy } from './energy.ts';
import { equiangular } from './equiangular.ts';

/** The claims about tokens on the sphere and their neighbours, in the order of the theory pages. */
export const sphereClaims: readonly Claim[] = [energy, sphereClustering, equiangular, causal];
