import * as z from 'zod';
import { openLoopNumbers } from '../../gaussian/measure/open-loop.ts';
import {
  type SteeredPair,
  steerGivenPair,
  steerRandomPair,
} from '../../gaussian/measure/steering.ts';
import { lawOfInstance, steeringFields } from '../../gaussian/schema.ts';
import { agreement, bound, neverSeen } from '../check.ts';
import { type Conclusion, claim, type Evidence } from '../claim.ts';
import { experimentCount, increasing } from '../fields.ts';
import type { Figure } from '../figure.ts';
import { experiments } from '../given.ts';
import { notTrivial } from '../verdict.ts';
import { horizonField } from './conditions.ts';
import { openLoopFigure } from './open-loop-figure.ts';

/**
 * Fraction of its energy by which an extremal may cost more than the direct minimum over 12 layers, for the Runge–Kutta step in each of
 * these layers is not exact.
 */
const stepError = 1e-3;

const pairs = experiments({
  label: 'pairs of laws',
  shared: {
    horizon: horizonField(1),
    tokens: increasing([64, 128, 256, 512], 2, 'numbers of tokens n, open loop', 2),
    samples: z.int().min(1).default(16).describe('clouds for each n, open loop'),
  },
  own: { pairs: experimentCount(9, 'random pairs of laws, each by all realisations') },
  data: steeringFields,
  full: { pairs: 60, samples: 24, tokens: [64, 128, 256, 512, 1024, 2048] },
  pieces: (given) => (given.explicit ? 1 : given.pairs),
});
type Pairs = ReturnType<typeof pairs.parse>;

export function reachabilityConclusion(measured: readonly SteeredPair[]): Conclusion {
  const records = measured.flatMap((one) => one.records);
  const particles = measured.flatMap((one) => one.particles);
  const refusals = measured.flatMap(({ refusal }) => refusal ?? []);
  const approximation = measured.find((one) => one.approximation !== null)?.approximation ?? null;
  const arrival = agreement({
    name: 'moments at the end of the flow and those of the target',
    failsIf: 'the controls, integrated independently of how they were found, miss the target',
    of: records.map(({ mean, covariance, uncertainty, size }) => ({
      difference: mean + covariance,
      ...{ uncertainty, scale: size },
    })),
  });
  const direct = records.flatMap(({ energy, directEnergy }) =>
    directEnergy === null ? [] : [{ value: energy, bound: directEnergy * (1 + stepError) }],
  );
  const single = records.length === 1 ? records[0] : undefined;
  const pick = (of: (one: (typeof records)[number]) => number): Evidence => records.map(of);
  const drifts = records.flatMap((one) => one.hamiltonianDrift ?? []);
  const worst = Math.max(0, ...records.map((one) => Math.max(one.mean, one.covariance)));
  return {
    hypotheses: [
      {
        name: 'equal rank of the two covariances',
        holds: approximation === null,
        value: approximation?.reason ?? 'equal',
      },
    ],
    resolution: [
      notTrivial(
        measured.every((one) => one.atRest) ? 'start and target are the same law' : undefined,
      ),
    ],
    checks: [
      arrival,
      neverSeen({
        name: 'targets that are reached with another rank',
        failsIf: 'the rank changes on the way',
        seen: records.filter((one) => one.rankAtEnd !== one.rank).length,
      }),
      ...(direct.length === 0
        ? []
        : [
            bound({
              name: 'energy of the extremal over that of 12 layers, minimised directly',
              failsIf: 'layers minimised without Pontryagin’s equations cost less',
              pairs: direct,
            }),
          ]),
      ...(refusals.length === 0
        ? []
        : [
            neverSeen({
              name: 'targets of unequal rank that are accepted',
              failsIf: 'a target of another rank is not refused',
              seen: refusals.filter(({ refused }) => !refused).length,
            }),
          ]),
    ],
    evidence: {
      'endpointError.mean': pick((one) => one.mean),
      'endpointError.covariance': pick((one) => one.covariance),
      'endpointError.uncertainty': pick((one) => one.uncertainty),
      rank: pick((one) => one.rankAtEnd),
      realisation: records.map((one) => one.realisation).join(' '),
      energy: pick((one) => one.energy),
      'energy.buresGeodesic': pick((one) => one.geodesicEnergy),
      squaredBuresDistance: pick((one) => one.squaredBuresDistance),
      'minimumEnergy.hamiltonianDrift': drifts,
      'minimumEnergy.directOver12Layers': records.flatMap((one) => one.directEnergy ?? []),
      'unequalRank.refusal': refusals[0]?.reason ?? 'not tried',
      'approximation.distance': approximation?.distance ?? 'not asked',
      'constant.withoutRealLogarithm': measured.reduce((sum, one) => sum + one.unsupported, 0),
      ...openLoopNumbers(particles),
    },
    summary:
      approximation !== null
        ? `The ranks differ; the best reachable law, ${approximation.distance.toPrecision(4)} away from the target in W2, is reached up to ${worst.toExponential(1)}.`
        : `${single ? 'The target is' : `All ${records.length} targets are`} reached up to ${worst.toExponential(1)}${refusals.length === 0 ? '' : '; unequal ranks are refused'}.`,
    figures: [
      pathFigure(measured[0].records),
      ...(particles.length === 0 ? [] : [openLoopFigure('C.reachability-particles', particles)]),
    ],
  };
}

function pathFigure(records: SteeredPair['records']): Figure {
  return {
    id: 'C.reachability',
    title:
      records.length === 1
        ? `One law steered to another by ${records[0].realisation} controls`
        : 'One law steered to another by different controls',
    caption:
      'Trace of the covariance along the moment flow. Feed-forward and attention layers follow the Bures geodesic; constant and minimum-energy controls take other ways.',
    x: { label: 'depth t' },
    y: { label: 'tr Σ' },
    marks: records.map(({ realisation, times, sizes }) => ({
      ...{ kind: 'line', series: realisation, x: times, y: sizes },
    })),
  };
}

/** Time-varying layers steer any Gaussian law to any other of the same rank (arXiv 2606.07600). */
export const reachability = claim<Pairs, SteeredPair>({
  id: 'C.reachability',
  title: 'Any Gaussian law of equal rank can be reached',
  statement:
    'Time-varying controls steer $(m_0, \\Sigma_0)$ to any $(m_1, \\Sigma_1)$ with $\\operatorname{rank}\\Sigma_1 = \\operatorname{rank}\\Sigma_0$ in finite time: $\\dot L = U_t L$ along $L_t = (1-t)L_0 + tL_1PR^\\top$, realised by feed-forward layers, by attention, by a constant layer, or along an extremal of the energy.',
  trust: { statement: 'P', construction: 'D' },
  given: pairs,
  measure({ backend, given, seed, index }) {
    const { tokens, samples, horizon } = given;
    if (!given.explicit) {
      return steerRandomPair(backend, { seed, index, horizon }, { tokens, samples });
    }
    const [from, wanted] = [lawOfInstance(given.from, 'from'), lawOfInstance(given.to, 'to')];
    const openLoop = { backend, seed, tokens, samples };
    return steerGivenPair(from, wanted, { ...given, openLoop });
  },
  conclude: (measured) => reachabilityConclusion(measured),
});
