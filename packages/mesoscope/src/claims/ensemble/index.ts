import type { Claim } from '../claim.ts';
import { convergence } from './convergence.ts';
import { counterexample } from './counterexample.ts';
import { energy } from './energy.ts';
import { forwardLimit } from './forward-limit.ts';
import { ensembleGradient } from './gradient.ts';
import { attentionKernelInjectivity } from './ntk.ts';
import { persistence } from './persistence.ts';

/** The claims about laws of heads at every depth, in the order of the theory pages. */
export const ensembleClaims: readonly Claim[] = [
  forwardLimit,
  ensembleGradient,
  energy,
  attentionKernelInjectivity,
  convergence,
  counterexample,
  persistence,
];
