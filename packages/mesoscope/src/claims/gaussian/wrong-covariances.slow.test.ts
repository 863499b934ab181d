import { describe, expect, it } from 'vitest';
import type { GaussianFlow } from '../../gaussian/gaussian-flow.ts';
import type { GaussianLayer } from '../../gaussian/layer.ts';
import { compareBlowUp, randomBlowUpFlow } from '../../gaussian/measure/blow-up.ts';
import { measureApproach, randomStableFlow } from '../../gaussian/measure/equilibrium-approach.ts';
import { measureRank, randomPiecewiseFlow } from '../../gaussian/measure/rank.ts';
import { measureSettling, randomRepellingDraw } from '../../gaussian/measure/settling.ts';
import { recordSteering } from '../../gaussian/measure/steering.ts';
import { sufficientRecord } from '../../gaussian/measure/sufficient.ts';
import { integrateMoments } from '../../gaussian/moment-flow.ts';
import { unfactored } from '../../gaussian/moments.ts';
import { randomLaw } from '../../gaussian/random-flows.ts';
import { steer } from '../../gaussian/reachability/steer.ts';
import { type RiccatiForm, riccatiForm } from '../../gaussian/riccati.ts';
import { sufficientCondition } from '../../gaussian/sufficient.ts';
import { spectralNorm, symmetricEigen } from '../../numeric/decompositions.ts';
import {
  add,
  block,
  frobeniusNorm,
  identity,
  type Matrix,
  multiply,
  scale,
  subtract,
  symmetricPart,
  trace,
  transpose,
  zeros,
} from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { drawVerdict, type Grounds } from '../verdict.ts';
import { blowUpConclusion } from './blow-up.ts';
import { clusteringConclusion } from './clustering.ts';
import { rankConclusion } from './rank.ts';
import { reachabilityConclusion } from './reachability.ts';
import { stabilityConclusion } from './stability.ts';

/** Claims about the moment flow must notice wrong mathematics. */

const verdict = (grounds: Grounds) => drawVerdict(grounds).verdict;

const wrongForms: [string, (form: RiccatiForm) => RiccatiForm][] = [
  ['M without its factor 2', (form) => ({ ...form, M: scale(0.5, form.M) })],
  ['W transposed', (form) => ({ ...form, W: transpose(form.W) })],
  ['W without a part', (form) => ({ ...form, W: scale(0.9, form.W) })],
  ['v̂ of the wrong sign', (form) => ({ ...form, totalValue: -form.totalValue })],
];

function formOf(flow: GaussianFlow): RiccatiForm {
  const form = riccatiForm(flow.layer);
  if (form === null) throw new Error('no closed form');
  return form;
}

describe('C.rank', () => {
  const right = randomPiecewiseFlow(1, 5, 0.5);
  const { covariance } = right.law;
  const columns = right.start.factor.columns;
  const judge = (flow: typeof right) =>
    verdict(rankConclusion([{ ...measureRank(flow), still: false }]));
  it('holds for the right flow', () => {
    expect(columns).toBeGreaterThan(1);
    expect(judge(right)).toBe('holds');
  });
  it('notices a little spread in every direction', () => {
    const noisy = add(covariance, identity(covariance.rows), 1e-7);
    expect(judge({ ...right, law: { ...right.law, covariance: noisy } })).toBe('fails');
  });
  it('notices a direction that is lost', () => {
    const factor = block(right.start.factor, 0, 0, covariance.rows, columns - 1);
    expect(judge({ ...right, start: { ...right.start, factor } })).not.toBe('holds');
  });
  it.each<[string, (U: Matrix) => number]>([
    ['half of |U|', (U) => spectralNorm(U) / 2],
    ['the largest eigenvalue of U', (U) => symmetricEigen(symmetricPart(U)).values[U.rows - 1]],
    ['the mean of U’s diagonal', (U) => Math.abs(trace(U)) / (2 * U.rows)],
  ])('notices %s in place of |U|', (_, size) => {
    const contraction = measureRank(randomPiecewiseFlow(1, 6, 0.5), size);
    expect(verdict(rankConclusion([{ ...contraction, still: false }]))).toBe('fails');
  });
});

describe('C.stability', () => {
  const flow = randomStableFlow(1, 2);
  const nothing = { sufficient: null, regime: null, blowUpTime: null };
  const judge = (form: RiccatiForm) =>
    verdict(stabilityConclusion([{ ...nothing, approach: measureApproach(flow, form) }]));
  it('holds for the right form', () => expect(judge(formOf(flow))).toBe('holds'));
  it.each(wrongForms)('notices %s', (_, change) => {
    expect(judge(change(formOf(flow)))).toBe('fails');
  });
  const tested = (condition?: typeof sufficientCondition) =>
    verdict(
      stabilityConclusion([
        { ...nothing, approach: measureApproach(flow) },
        ...[0, 1, 2, 3, 4, 5].map((index) => ({
          ...nothing,
          approach: null,
          sufficient: sufficientRecord(1, index, condition),
        })),
      ]),
    );
  it('holds for the right sufficient test', () => expect(tested()).toBe('holds'));
  it.each<[string, typeof sufficientCondition]>([
    [
      'with B of the wrong sign',
      (layer, law) => {
        const heads = layer.heads.map(({ V, B }) => ({ V, B: scale(-1, B) }));
        return sufficientCondition({ ...layer, heads }, law);
      },
    ],
    [
      'of a tenth of the latest depth',
      (layer, law) => {
        const { time, ...rest } = sufficientCondition(layer, law);
        return { ...rest, time: time === null ? null : time / 10 };
      },
    ],
  ])('notices a sufficient test %s', (_, condition) => expect(tested(condition)).toBe('fails'));
});

describe('C.blow-up', () => {
  const flows = [1, 2, 3, 6, 7].map((index) => randomBlowUpFlow(1, index, 20));
  const judge = (change: (form: RiccatiForm) => RiccatiForm) =>
    verdict(
      blowUpConclusion(
        { horizon: 20 },
        flows.map((flow) => compareBlowUp(flow, change(formOf(flow)))),
      ),
    );
  it('holds for the right form', () => expect(judge((form) => form)).toBe('holds'));
  it.each(wrongForms.slice(0, 3))('notices %s', (_, change) => {
    expect(judge(change)).not.toBe('holds');
  });
});

describe('C.clustering', () => {
  const { flow, keyDimension } = randomRepellingDraw(1, 6);
  const d = flow.law.mean.length;
  const judge = (form: RiccatiForm, k = keyDimension, of = flow) =>
    verdict(clusteringConclusion([0, 1].map(() => measureSettling(of, k, form))));
  it('holds for the right form', () => expect(judge(formOf(flow))).toBe('holds'));
  it('notices M seen in other coordinates', () => {
    const turn = identity(d);
    turn.data.set([0.8, 0.6], 0);
    turn.data.set([-0.6, 0.8], d);
    const { M, ...rest } = formOf(flow);
    expect(judge({ ...rest, M: multiply(transpose(turn), M, turn) })).not.toBe('holds');
  });
  it('notices a feed-forward map that was dropped', () => {
    const layer = { ...flow.layer, W: scale(1e-2, identity(d)) };
    const form = { ...formOf(flow), W: zeros(d, d) };
    expect(judge(form, keyDimension, { ...flow, layer })).not.toBe('holds');
  });
  it('notices a rank other than d − k', () => {
    expect(judge(formOf(flow), keyDimension + 1)).toBe('fails');
  });
});

describe('C.reachability', () => {
  const stream = randomStream(1, 'wrong controls');
  const right = steer({
    from: randomLaw(stream, 2),
    to: randomLaw(stream, 2),
    realisation: 'feed-forward',
  });
  const judge = (change: (layer: GaussianLayer) => GaussianLayer) => {
    const controls = {
      ...right.controls,
      layerAt: (t: number) => change(right.controls.layerAt(t)),
    };
    const flow = integrateMoments(controls, right.endpoints.from, {
      horizon: 1,
      relativeTolerance: 1e-12,
    });
    const [end, goal] = [unfactored(flow.moments), unfactored(right.endpoints.to)];
    const endpointError = {
      mean: Math.hypot(...end.mean.map((entry, i) => entry - goal.mean[i])),
      covariance: frobeniusNorm(subtract(end.covariance, goal.covariance)),
    };
    const records = [recordSteering('feed-forward', { ...right, controls, flow, endpointError })];
    const none = {
      particles: [],
      unsupported: 0,
      refusal: null,
      atRest: false,
      approximation: null,
    };
    return verdict(reachabilityConclusion([{ records, ...none }]));
  };
  it('holds for the right controls', () => expect(judge((layer) => layer)).toBe('holds'));
  it.each<[string, (layer: GaussianLayer) => GaussianLayer]>([
    ['controls of the wrong sign', (layer) => ({ ...layer, W: scale(-1, layer.W) })],
    ['no bias', (layer) => ({ ...layer, b: new Float64Array(2) })],
    ['controls a millionth too weak', (layer) => ({ ...layer, W: scale(1 - 1e-6, layer.W) })],
  ])('notices %s', (_, change) => expect(judge(change)).toBe('fails'));
});
