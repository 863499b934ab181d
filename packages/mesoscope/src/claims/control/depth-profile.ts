import { measureProfiles, type ProfileErrors } from '../../control/depth/profile-errors.ts';
import { atLeast, type Check, sampledMean } from '../check.ts';
import { type Conclusion, claim } from '../claim.ts';
import { convergenceFigure } from '../convergence-figure.ts';
import { deterministicOrder } from '../order.ts';
import { nothing, notTrivial } from '../verdict.ts';
import { type DepthFlows, depthFlows, existence, flowOf, integrated } from './depth-flows.ts';

/** By how much the equidistributed grid is closer, geometric mean over the depths of one flow. */
function gainOf({ uniform, chosen }: ProfileErrors): number {
  const logs = uniform.errors.map((error, i) => Math.log(error / chosen.errors[i]));
  return logs.reduce((sum, log) => sum + log, 0) / logs.length;
}

/** The mean gain of a grid chosen by the program over random flows. */
function gainCheck(logs: readonly number[]): Check {
  return atLeast({
    name: 'distance on uniform layers over that on equidistributed ones, geometric mean over flows',
    failsIf: 'equidistributing the local error does not bring the layers closer to the flow',
    ...sampledMean(logs, { as: Math.exp }),
    expected: 1,
    resolution: [
      { name: 'two flows or more', holds: logs.length > 1, value: logs.length },
      {
        name: 'the chosen grids differ from the uniform ones',
        holds: logs.some((log) => log !== 0),
        value: 'they do not',
      },
    ],
  });
}

/** What errors on families of grids say; one row of each family for each flow. */
function conclude(
  measured: readonly ProfileErrors[],
  { given }: { given: DepthFlows },
): Conclusion {
  const { depths } = given;
  const curves = measured[0].families.concat(measured[0].chosen).map(({ name }, f) => {
    const rows = measured.map(({ families, chosen }) => [...families, chosen][f]);
    return {
      name,
      rows: rows.map(({ errors }) => errors),
      accuracy: rows.map(({ accuracy }) => accuracy),
      ended: rows.map(({ status }) => status),
    };
  });
  const orders = curves.map(({ name, rows, accuracy }) =>
    deterministicOrder({
      name: `order in L: ${name}`,
      failsIf: 'on this profile and grid the distance to the flow falls more slowly than 1/L',
      scales: depths,
      rows,
      suprema: true,
      accuracy,
      order: -1,
      side: 'at least as fast',
    }),
  );
  const logs = measured.map(gainOf);
  const gain = gainCheck(logs);
  const ended = curves.flatMap((curve) => curve.ended);
  const [{ rows, accuracy }] = curves;
  const straight = rows.every((row, i) =>
    row.every((error) => error <= accuracy[i] && accuracy[i] < 1),
  );
  const perCurve = (read: (i: number) => Conclusion['evidence'][string], what: string) =>
    Object.fromEntries(curves.map(({ name }, i) => [`${name}.${what}`, read(i)]));
  return {
    hypotheses: [existence('the flow exists up to T', ended)],
    resolution: [
      notTrivial(
        straight ? 'equal layers and flow coincide, as far as the flow is known' : undefined,
      ),
      integrated(ended),
    ],
    // On a single flow no theorem says that the distance, other than its bound, gets smaller.
    checks: given.explicit ? orders : [...orders, gain],
    evidence: {
      depths,
      ...perCurve((i) => curves[i].rows, 'errors'),
      ...perCurve((i) => constantOf(depths, curves[i].rows), 'constant'),
      'equidistribution.gain': logs.filter(Number.isFinite).map(Math.exp),
      'equidistribution.times': measured[0].chosenTimes,
      'reference.accuracy': curves.map(({ accuracy }) => Math.max(...accuracy)),
    },
    summary: straight
      ? nothing
      : `On ${curves.length} profiles and grids the orders in L are ${orders.map(({ measured: p }) => (Number.isFinite(p) ? p.toFixed(3) : 'not to be measured')).join(', ')}.${Number.isFinite(gain.measured) ? ` A grid that equidistributes the local error is ${gain.measured.toFixed(2)} times closer than the uniform one at equal L.` : ''}`,
    figures: [
      convergenceFigure({
        id: 'A.depth-profile',
        title: 'Depth profiles and grids',
        caption:
          'Largest distance between the hidden states of L layers and the time-changed flow ḣ = ζ(t) f, for profiles ζ and grids; the equidistributed grid was chosen by the program. Bands: range over experiments. Expected: order 1.',
        scale: 'layers L',
        quantity: 'sup_k |h_k − h(t_k)|',
        curves: curves.map(({ name, rows }, i) => ({
          series: name,
          scales: depths,
          rows,
          suprema: true,
          ...(i === 2 ? { slope: -1 } : {}),
        })),
      }),
    ],
  };
}

/** C of `C/L` at the finest depth, for each flow. */
function constantOf(depths: readonly number[], rows: readonly (readonly number[])[]): number[] {
  const last = depths.length - 1;
  return rows.map((row) => row[last] * depths[last]);
}

/** Depth profiles are time changes; non-uniform grids keep the order (open in arXiv 2606.23235). */
export const depthProfile = claim<DepthFlows, ProfileErrors>({
  id: 'A.depth-profile',
  title: 'Profiles over depth and unequal layers',
  statement:
    'For $h_{k+1} = h_k + \\varepsilon_k\\,\\zeta(t_k)\\,f(h_k,\\theta_k)$ and $\\dot h = \\zeta(t)\\,f(h,\\theta_t)$, $\\sup_k|h_k - h(t_k)| = O(1/L)$ for every positive profile $\\zeta$ and every grid with $\\max_k\\varepsilon_k = O(1/L)$; over random flows, equidistributing the local error lowers the constant in the mean.',
  trust: { statement: 'P', equidistribution: 'D' },
  given: depthFlows({ depths: [8, 16, 32, 64, 128], flows: 4, fullFlows: 16 }),
  measure: ({ backend, given, seed, index }) =>
    measureProfiles(backend, flowOf(backend, given, seed, index), given.depths),
  conclude,
});
