import type { ControlCertificate } from '../../control/certificates/index.ts';
import type { Section } from '../study.ts';
import { short } from './wording.ts';

/** One depth at which a problem was solved or trained, and how its controls were judged. */
export interface CertifiedDepth {
  readonly layers: number;
  readonly certificate: ControlCertificate;
}

/**
 * What the certificates of several depths found, one column a depth.
 *
 * @param smooth - whether an H¹ penalty makes θ̇ the control
 */
export function certificateSection(
  depths: readonly CertifiedDepth[],
  measuredOn: string,
  smooth: boolean,
): Section {
  const row = (name: string, read: (certificate: ControlCertificate) => string) => [
    name,
    ...depths.map(({ certificate }) => read(certificate)),
  ];
  const last = depths[depths.length - 1];
  const gradients = depths.some(({ certificate }) => certificate.gradients !== undefined);
  const ofGradients = (
    name: string,
    read: (found: NonNullable<ControlCertificate['gradients']>) => string,
  ) => row(name, (one) => (one.gradients === undefined ? '–' : read(one.gradients)));
  return {
    kind: 'table',
    title: `Certificate: ${last.certificate.kind}`,
    columns: ['quantity', ...depths.map(({ layers }) => `L = ${layers}`)],
    rows: [
      row('solution', ({ kind }) => kind),
      row('sup over layers of |E[D_θfᵀp] + ∇g|', (one) => short(one.stationarity)),
      row('gradient of embedding, positions, readout', (one) => short(one.stationarityOfOthers)),
      row('largest gap of the Hamiltonian that was found', (one) => short(one.largestGap)),
      row('Hamiltonian over depth: mean', (one) => short(one.hamiltonian.mean)),
      row('Hamiltonian over depth: size of its terms', (one) => short(one.hamiltonian.size)),
      row('Hamiltonian over depth: standard deviation', (one) => short(one.hamiltonian.deviation)),
      row('largest jump of θ between layers', (one) => short(one.largestJump)),
      row('largest |θ|', (one) => short(one.largestControl)),
      ...(gradients
        ? [
            ofGradients('discrete adjoint against finite differences', (g) => short(g.differences)),
            ofGradients('discrete against continuous adjoint', (g) => short(g.continuous[0])),
            ofGradients('… with every layer halved', (g) => short(g.continuous[1])),
            ofGradients('all three on a fine flow', (g) => short(g.fine.difference)),
          ]
        : []),
    ],
    note: `L = ${last.layers}: ${last.certificate.reason} Measured on ${measuredOn}. Gradients are compared near the solution, where they do not vanish; their differences are relative. ${gapSentence(last.certificate, smooth)}${last.certificate.caveat}`,
  };
}

/** Why a solution may be called strong beside a gap that is no small number. */
function gapSentence(certificate: ControlCertificate, smooth: boolean): string {
  const { kind, largestGap, hamiltonian } = certificate;
  if (kind !== 'strong') return '';
  return smooth
    ? `The gap of ${short(largestGap)} does not speak against it: it is what a layer would gain by jumping to another θ, and with an H¹ penalty the control is θ̇, so that no θ jumps. `
    : `The gap of ${short(largestGap)} is ${short(largestGap / hamiltonian.size)} of the size of the Hamiltonian's terms, within what is allowed. `;
}
