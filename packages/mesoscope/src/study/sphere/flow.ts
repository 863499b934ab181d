import * as z from 'zod';
import type { Figure } from '../../claims/figure.ts';
import { sphereReferences } from '../../claims/sphere/conditions.ts';
import { randomStream } from '../../numeric/random.ts';
import { followTokens } from '../../sphere/attention.ts';
import {
  clusterCurve,
  clusterSizes,
  interactionEnergy,
  orderParameter,
  score,
} from '../../sphere/observables.ts';
import { type Tokens, uniformTokens } from '../../sphere/tokens.ts';
import { type Study, study } from '../study.ts';
import { sphereFrame } from './frame.ts';
import { attentionFields, attentionOfLayer, startField, tokensOf } from './schema.ts';

const flowSchema = z.strictObject({
  seed: z.int().min(0).default(1),
  start: startField(64, 3),
  ...attentionFields(4),
  horizon: z.number().positive().default(40).describe('T'),
  steps: z.int().min(1).default(50).describe('steps of the scheme between two frames'),
  frames: z.int().min(1).max(500).default(32).describe('states that are kept and shown'),
  threshold: z
    .number()
    .positive()
    .default(0.1)
    .describe('angle in radians within which neighbours are one cluster'),
});
type FlowConfiguration = z.output<typeof flowSchema>;

/** One stretch of the flow: where it ends, and what was measured on the way. */
interface Stretch {
  readonly tokens: Tokens;
  readonly times: readonly number[];
  readonly energies: readonly number[];
  readonly orders: readonly number[];
  readonly clusters: readonly number[];
}

/** How many states of a stretch are measured: observables of all pairs cost more than steps. */
const measuredStates = 8;

function followStretch(
  configuration: FlowConfiguration,
  backend: Parameters<typeof followTokens>[0],
  index: number,
  before: Stretch | undefined,
): Stretch {
  const { seed, start, horizon, steps, frames, threshold } = configuration;
  const tokens = before?.tokens ?? tokensOf(start, randomStream(seed, 'tokens on the sphere'));
  const attention = attentionOfLayer(configuration, tokens[0].length);
  const flow = followTokens(backend, { attention, tokens, horizon: horizon / frames, steps });
  const every = Math.max(1, Math.ceil(steps / measuredStates));
  const looked = flow.times.flatMap((_, k) =>
    (index === 0 && k === 0) || (k > 0 && (k % every === 0 || k === flow.times.length - 1))
      ? [k]
      : [],
  );
  const { B } = attention.heads[0];
  const shift = Math.max(...tokens.map((x) => score(B, x, x)));
  return {
    tokens: flow.states[flow.states.length - 1],
    times: looked.map((k) => (index * horizon) / frames + flow.times[k]),
    energies: looked.map((k) => Math.log(interactionEnergy(B, flow.states[k], shift)) + shift),
    orders: looked.map((k) => orderParameter(flow.states[k])),
    clusters: looked.map((k) => clusterSizes(flow.states[k], threshold).length),
  };
}

function finish(configuration: FlowConfiguration, stretches: readonly Stretch[]) {
  const { seed, start, horizon, frames, threshold } = configuration;
  const first = tokensOf(start, randomStream(seed, 'tokens on the sphere'));
  const states = [first, ...stretches.map(({ tokens }) => tokens)];
  const times = stretches.flatMap((one) => one.times);
  const orders = stretches.flatMap((one) => one.orders);
  const clusters = stretches.flatMap((one) => one.clusters);
  const energies = stretches.flatMap((one) => one.energies);
  const last = states[states.length - 1];
  const [n, d] = [first.length, first[0].length];
  const curve = (
    id: string,
    title: string,
    caption: string,
    label: string,
    y: number[],
  ): Figure => ({
    ...{ id, title, caption, x: { label: 'time t' }, y: { label } },
    marks: [{ kind: 'line', series: label, x: times, y }],
  });
  const sizes = clusterSizes(last, threshold);
  return {
    claims: [],
    sections: [
      {
        kind: 'animation' as const,
        title: 'Tokens on the sphere',
        caption: sphereFrame('sphere.00', first, 0).caption,
        frames: states.map((tokens, k) =>
          sphereFrame(`sphere.${String(k).padStart(2, '0')}`, tokens, (k * horizon) / frames),
        ),
      },
      ...[
        curve(
          'energy',
          'Interaction energy',
          'log of (1/2n²) Σ e^{⟨Bx_i, x_j⟩} of the first head. Where B is symmetric and V a positive multiple of it this never falls; metastable states are its stairs.',
          'log energy',
          energies,
        ),
        curve(
          'order',
          'Order parameter',
          '|mean of the tokens|: 1 where all are one point.',
          'order parameter',
          orders,
        ),
        curve(
          'clusters',
          'Number of clusters',
          `Clusters of tokens whose neighbours are within ${threshold} radians.`,
          'clusters',
          clusters,
        ),
        curveOfThresholds(last, uniformTokens(randomStream(seed, 'null of clusters'), n, d)),
      ].map((figure) => ({ kind: 'figure' as const, figure })),
      {
        kind: 'table' as const,
        title: 'Clusters at the end',
        columns: ['cluster', 'tokens'],
        rows: sizes.slice(0, 20).map((size, k) => [k + 1, size]),
        note: `${sizes.length} clusters at a threshold of ${threshold} radians; the largest twenty are listed.`,
      },
    ],
    arrays: {
      tokens: { shape: [states.length, n, d], data: Float64Array.from(states.flat(2)) },
      times: { shape: [times.length], data: Float64Array.from(times) },
      logEnergy: { shape: [times.length], data: Float64Array.from(energies) },
      orderParameter: { shape: [times.length], data: Float64Array.from(orders) },
      clusters: { shape: [times.length], data: Float64Array.from(clusters) },
    },
    headline: {
      tokens: n,
      'clusters at the end': sizes.length,
      'largest cluster': sizes[0],
      'order parameter': orders[orders.length - 1],
    },
    status: { kind: 'completed' as const, message: `${n} tokens followed to t = ${horizon}.` },
  };
}

function curveOfThresholds(tokens: Tokens, uniform: Tokens): Figure {
  const thresholds = Array.from({ length: 49 }, (_, k) => 10 ** (-4 + k / 12)).filter(
    (angle) => angle <= Math.PI,
  );
  return {
    id: 'cluster-curve',
    title: 'Number of clusters over the threshold',
    caption:
      'How many clusters the last state has, at every angle within which neighbours count as one; null: as many uniform tokens. A plateau is a number of clusters that does not depend on the threshold.',
    x: { label: 'threshold, radians', scale: 'log' },
    y: { label: 'clusters', scale: 'log' },
    marks: [
      {
        kind: 'line',
        series: 'tokens at the end',
        x: thresholds,
        y: clusterCurve(tokens, thresholds),
      },
      {
        kind: 'line',
        series: 'uniform tokens (null)',
        x: thresholds,
        y: clusterCurve(uniform, thresholds),
      },
    ],
  };
}

/** Tokens on the sphere, followed stretch by stretch. */
export const sphereFlowStudy: Study<FlowConfiguration, Stretch> = study({
  name: 'sphere/flow',
  title: 'Tokens on the sphere',
  description:
    'Follows tokens on the sphere under softmax or unnormalised attention, with any heads and a causal mask or none: animation, energy, order parameter, clusters.',
  references: sphereReferences,
  schema: flowSchema,
  pieces: ({ frames }) => frames,
  label: () => 'stretches of the flow',
  needs: (_, index) => (index === 0 ? [] : [index - 1]),
  piece(configuration, { backend, index, needed, metric }) {
    const stretch = followStretch(configuration, backend, index, needed[0] as Stretch | undefined);
    const last = stretch.times.length - 1;
    metric({
      t: stretch.times[last],
      'log energy': stretch.energies[last],
      clusters: stretch.clusters[last],
    });
    return stretch;
  },
  finish,
});
