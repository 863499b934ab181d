import type { Claim } from '../claim.ts';
import { chaos } from './chaos.ts';
import { dirac } from './dirac.ts';
import { dissipation } from './dissipation.ts';
import { finiteHeads } from './finite-heads.ts';
import { longTime } from './long-time.ts';
import { monotonicity } from './monotonicity.ts';
import { support } from './support.ts';

/** The claims about heads as particles, in the order of the theory pages. */
export const headClaims: readonly Claim[] = [
  finiteHeads,
  support,
  chaos,
  dissipation,
  longTime,
  monotonicity,
  dirac,
];
