import { MesoscopeError } from '../errors.ts';
import { checkpointClaims } from './checkpoint/index.ts';
import type { Claim } from './claim.ts';
import { costateOrder } from './control/costate-order.ts';
import { depthProfile } from './control/depth-profile.ts';
import { eulerOrder } from './control/euler-order.ts';
import { gradient } from './control/gradient.ts';
import { hamiltonian } from './control/hamiltonian.ts';
import { initialisation } from './control/initialisation.ts';
import { range } from './control/range.ts';
import { recovery } from './control/recovery.ts';
import { regularity } from './control/regularity.ts';
import { residualMixing } from './control/residual-mixing.ts';
import { sampling } from './control/sampling.ts';
import { solvers } from './control/solver-descent.ts';
import { stability } from './control/stability.ts';
import { terminalCostate } from './control/terminal-costate.ts';
import { transport } from './control/transport.ts';
import { uniform } from './control/uniform.ts';
import { valueGap } from './control/value-gap.ts';
import { ensembleClaims } from './ensemble/index.ts';
import { gaussianClaims } from './gaussian/index.ts';
import { headClaims } from './heads/index.ts';
import { sphereClaims } from './sphere/index.ts';

/** Every claim that can be run, paper by paper, in the order of the theory pages. */
export const claims: readonly Claim[] = [
  eulerOrder,
  depthProfile,
  costateOrder,
  terminalCostate,
  gradient,
  transport,
  sampling,
  uniform,
  valueGap,
  regularity,
  hamiltonian,
  recovery,
  range,
  initialisation,
  stability,
  solvers,
  residualMixing,
  ...headClaims,
  ...gaussianClaims,
  ...ensembleClaims,
  ...sphereClaims,
  ...checkpointClaims,
];

/**
 * The claim of an id such as `A.euler-order`.
 *
 * @throws MesoscopeError `unknown-name`, with the nearest id
 */
export function claimById(id: string, among: readonly Claim[] = claims): Claim {
  const found = among.find((claim) => claim.id === id);
  if (found === undefined) throw unknownClaim(id, among);
  return found;
}

/**
 * The claims that a list of ids (`A.euler-order`) and paper letters (`A`) names, each once, in the order of the
 * registry. An empty list names them all.
 *
 * @throws MesoscopeError `unknown-name`, with the nearest id
 */
export function selectClaims(
  selectors: readonly string[],
  among: readonly Claim[] = claims,
): readonly Claim[] {
  if (selectors.length === 0) return among;
  const named = new Set(
    selectors.flatMap((selector) => {
      const ofPaper = among.filter((claim) => claim.paper === selector);
      return ofPaper.length > 0 ? ofPaper : [claimById(selector, among)];
    }),
  );
  return among.filter((claim) => named.has(claim));
}

function unknownClaim(received: string, among: readonly Claim[]): MesoscopeError {
  const letters = [...new Set(among.map(({ paper }) => paper))];
  const known = [...letters, ...among.map((claim) => claim.id)];
  return new MesoscopeError({ code: 'unknown-name', kind: 'claim', received, known });
}
