import * as z from 'zod';
import { randomStream } from '../../numeric/random.ts';
import {
  type EnergyRecord,
  measureEnergy,
  randomGradientFlow,
} from '../../sphere/energy-identity.ts';
import { attentionOf, sphereFields, tokenComplaints } from '../../sphere/schema.ts';
import { agreement, identical, neverSeen } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { experimentCount } from '../fields.ts';
import { experiments } from '../given.ts';
import { notTrivial } from '../verdict.ts';
import { reached, sphereReferences } from './conditions.ts';

const energyFlows = experiments({
  label: 'flows on the sphere',
  shared: {
    horizon: z.number().positive().default(2).describe('T'),
    steps: z.int().min(16).max(100_000).default(128).describe('steps of the scheme'),
  },
  own: { flows: experimentCount(8, 'random symmetric B, V = cB and tokens') },
  data: sphereFields,
  full: { flows: 40, steps: 256 },
  check: (given) => (given.explicit ? tokenComplaints(given.tokens) : []),
  pieces: (given) => (given.explicit ? 1 : given.flows),
});
type EnergyFlows = ReturnType<typeof energyFlows.parse>;

export function energyConclusion(flows: readonly EnergyRecord[]): Conclusion {
  const structured = flows.filter(({ ratio }) => ratio !== null).length;
  const steps = flows.reduce((sum, { times }) => sum + times.length - 1, 0);
  const falls = flows.reduce((sum, one) => sum + one.falls, 0);
  return {
    hypotheses: [
      {
        name: 'one head without mask, B symmetric and V = cB: then the flow climbs the energy',
        holds: structured === flows.length,
        value: `${structured} of ${flows.length}`,
      },
    ],
    resolution: [
      reached(flows),
      notTrivial(
        flows.every(({ atRest }) => atRest)
          ? 'no token moves, so that the energy stays as it is'
          : undefined,
      ),
    ],
    checks: [
      neverSeen({
        name: 'steps at which the energy falls',
        failsIf: 'the energy falls by more than rounding between two steps',
        seen: falls,
      }),
      identical({
        name: 'slope of the energy along the flow, and dissipation',
        failsIf: 'the energy does not grow by (1/n) Σ mᵢ|ẋᵢ|² in a unit of time',
        of: flows.flatMap(({ along }) => along),
      }),
      agreement({
        name: 'derivative of the energy along the velocity, and dissipation',
        failsIf: 'the velocity is not the gradient of the energy over mᵢ/n',
        of: flows.flatMap(({ directional }) => directional),
      }),
    ],
    evidence: {
      'energy.first': flows.map(({ energies }) => energies[0]),
      'energy.last': flows.map(({ energies }) => energies[energies.length - 1]),
      ratio: flows.map(({ ratio }) => ratio ?? -1),
      steps,
    },
    summary: `Over ${steps} steps of ${flows.length} flow${flows.length === 1 ? '' : 's'} the energy fell ${falls} times; at each of them it grew by the dissipation.`,
    figures: [
      {
        id: 'E.energy',
        title: 'The interaction energy grows',
        caption:
          'Energy along each flow, from 0 at its start to 1 at its largest. Expected: no curve ever falls.',
        x: { label: 'time t' },
        y: { label: 'energy gained, as a share' },
        marks: flows.map(({ times, energies }, i) => {
          const [low, high] = [energies[0], Math.max(...energies)];
          const y = energies.map((one) => (high > low ? (one - low) / (high - low) : 0));
          return { kind: 'line', series: i % 2 === 0 ? 'softmax' : 'unnormalised', x: times, y };
        }),
      },
    ],
  };
}

/** Attention on the sphere climbs an interaction energy (arXiv 2312.10794). */
export const energy = claim<EnergyFlows, EnergyRecord>({
  id: 'E.energy',
  title: 'The interaction energy never falls',
  statement:
    'On the sphere, with $B$ symmetric and $V = cB$, the energy $\\mathcal E = \\tfrac{c}{2n^2}\\sum_{ij} e^{\\langle Bx_i,x_j\\rangle}$ never falls: $\\dot{\\mathcal E} = \\tfrac1n\\sum_i m_i|\\dot x_i|^2$, $m_i = \\tfrac1n\\sum_j e^{\\langle Bx_i,x_j\\rangle}$ for softmax and $1$ for unnormalised attention.',
  trust: { statement: 'S', 'general B': 'D' },
  references: sphereReferences,
  given: energyFlows,
  measure({ backend, given, seed, index }) {
    const { horizon, steps } = given;
    const flow = given.explicit
      ? { attention: attentionOf(given), tokens: given.tokens }
      : randomGradientFlow(randomStream(seed, 'energy on the sphere', index), index);
    return measureEnergy(backend, { ...flow, horizon, steps });
  },
  conclude: (flows) => energyConclusion(flows),
});
