import type { Claim } from '../claim.ts';
import { assignment } from './assignment.ts';
import { blowUp } from './blow-up.ts';
import { clustering } from './clustering.ts';
import { finiteTokens } from './finite-n.ts';
import { invariance } from './invariance.ts';
import { practice } from './practice.ts';
import { rank } from './rank.ts';
import { reachability } from './reachability.ts';
import { stability } from './stability.ts';
import { variants } from './variants.ts';

/** The claims about Gaussian token laws, in the order of the theory pages. */
export const gaussianClaims: readonly Claim[] = [
  invariance,
  rank,
  reachability,
  stability,
  blowUp,
  finiteTokens,
  variants,
  clustering,
  practice,
  assignment,
];
