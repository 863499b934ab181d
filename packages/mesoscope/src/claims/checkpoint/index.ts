import type { Claim } from '../claim.ts';
import { closure } from './closure.ts';
import { euler } from './euler.ts';
import { interiorClaim } from './interior.ts';
import { order } from './order.ts';
import { parity } from './parity.ts';
import { postnorm } from './postnorm.ts';
import { prescribed } from './prescribed.ts';
import { sink } from './sink.ts';
import { smooth } from './smooth.ts';
import { spectra } from './spectra.ts';
import { tilt } from './tilt.ts';

/** The claims about trained models, in the order of the theory pages. */
export const checkpointClaims: readonly Claim[] = [
  parity,
  closure,
  sink,
  tilt,
  order,
  euler,
  interiorClaim,
  postnorm,
  smooth,
  spectra,
  prescribed,
];
