import { afterAll, describe, expect, it } from 'vitest';
import { flowOfInstance, type GaussianFlow, gaussianFlow } from '../../gaussian/gaussian-flow.ts';
import { type GaussianLayer, gaussianLayer } from '../../gaussian/layer.ts';
import { compareBlowUp, randomBlowUpFlow } from '../../gaussian/measure/blow-up.ts';
import {
  endClouds,
  endLaw,
  momentErrors,
  slicedErrors,
} from '../../gaussian/measure/cloud-errors.ts';
import { measureApproach, randomStableFlow } from '../../gaussian/measure/equilibrium-approach.ts';
import {
  attractingFlow,
  compareWithHull,
  type HullComparison,
} from '../../gaussian/measure/hull.ts';
import { measureCloudRate } from '../../gaussian/measure/invariance.ts';
import { measureRank, randomPiecewiseFlow } from '../../gaussian/measure/rank.ts';
import { measureSettling, randomRepellingDraw } from '../../gaussian/measure/settling.ts';
import { recordSteering } from '../../gaussian/measure/steering.ts';
import { measureVariant } from '../../gaussian/measure/variants.ts';
import { integrateMoments } from '../../gaussian/moment-flow.ts';
import { unfactored } from '../../gaussian/moments.ts';
import {
  alternativeCloud,
  asPredicted,
  gaussianInput,
} from '../../gaussian/practice/measure-source.ts';
import { randomLaw } from '../../gaussian/random-flows.ts';
import { steer } from '../../gaussian/reachability/steer.ts';
import { type RiccatiForm, riccatiForm } from '../../gaussian/riccati.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import {
  add,
  block,
  frobeniusNorm,
  fromRows,
  identity,
  multiply,
  scale,
  subtract,
  toRows,
  transpose,
  zeros,
} from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { runClaim } from '../run.ts';
import { drawVerdict, type Grounds } from '../verdict.ts';
import { blowUpConclusion } from './blow-up.ts';
import { clusteringConclusion } from './clustering.ts';
import { finiteTokensConclusion } from './finite-n.ts';
import { invarianceConclusion } from './invariance.ts';
import { practice } from './practice.ts';
import { rankConclusion } from './rank.ts';
import { reachabilityConclusion } from './reachability.ts';
import { stabilityConclusion } from './stability.ts';
import { variantsConclusion } from './variants.ts';

/** Every claim must notice when what it is measured on is not what it says. */

const backend = await createWasmBackend();
afterAll(() => backend.dispose());
const verdict = (grounds: Grounds) => drawVerdict(grounds).verdict;
const rows = (a: number, b: number, c: number, d: number) => [
  [a, b],
  [c, d],
];
const law = { mean: [0.5, 0], covariance: rows(1, 0.3, 0.3, 0.8) };
const layerOf = (
  change: (parts: { V: number[][]; B: number[][]; W: number[][] }) => object,
): GaussianFlow => {
  const parts = {
    V: rows(0.9, 0.5, -0.6, 0.7),
    B: rows(0.2, 0.25, -0.2, 0.05),
    W: rows(0, 0.4, -0.2, 0.1),
  };
  const { V, B, W } = { ...parts, ...change(parts) };
  return flowOfInstance({ law, attention: 'softmax', heads: [{ V, B }], W }, 0.7);
};
const flipped = (A: number[][]) => A.map((row) => row.map((entry) => -entry));
const turned = (A: number[][]) => toRows(transpose(fromRows(A)));
const tokens = [64, 128, 256, 512];

describe('C.invariance', () => {
  const right = layerOf(() => ({}));
  const measured = (moved: GaussianFlow) =>
    Array.from({ length: 6 }, (_, seed) => {
      const one = measureCloudRate(backend, right, { tokens, samples: 6, seed });
      const clouds = endClouds(backend, moved, { counts: tokens, samples: 6, steps: 12, seed });
      const end = endLaw(right);
      return { ...one, moments: momentErrors(clouds, end), sliced: slicedErrors(clouds, end) };
    });
  it('holds for the right layer', () => {
    expect(verdict(invarianceConclusion({ tokens }, measured(right)))).toBe('holds');
  });
  it.each([
    ['values of the wrong sign', layerOf(({ V }) => ({ V: flipped(V) }))],
    ['transposed scores', layerOf(({ B }) => ({ B: turned(B) }))],
    ['no feed-forward map', layerOf(() => ({ W: rows(0, 0, 0, 0) }))],
  ])('notices tokens moved by %s', (_, moved) => {
    expect(verdict(invarianceConclusion({ tokens }, measured(moved)))).not.toBe('holds');
  });
});

describe('C.variants', () => {
  const flow = (change: (layer: GaussianLayer) => GaussianLayer) => {
    const layer = gaussianLayer({
      attention: 'l2',
      heads: [
        {
          V: fromRows(rows(0.9, 0.5, -0.6, 0.7)),
          B: fromRows(rows(0.8, 0.9, -0.7, 0.3)),
          keyMetric: fromRows(rows(1, 0.2, 0.2, 0.7)),
        },
      ],
    });
    const start = { mean: Float64Array.of(0.5, 0), covariance: fromRows(law.covariance) };
    return gaussianFlow(change(layer), start, 0.8);
  };
  const right = flow((layer) => layer);
  const given = { tokens, explicit: true };
  const head = (of: (head: GaussianLayer['heads'][0]) => object) =>
    flow((layer) => ({ ...layer, heads: layer.heads.map((one) => ({ ...one, ...of(one) })) }));
  const measured = (moved: GaussianFlow) =>
    Array.from({ length: 6 }, (_, seed) => {
      const one = measureVariant(backend, right, { tokens, samples: 6, seed });
      const clouds = endClouds(backend, moved, { counts: tokens, samples: 6, steps: 12, seed });
      return { ...one, errors: momentErrors(clouds, endLaw(right)) };
    });
  it('holds for the right layer', () => {
    expect(verdict(variantsConclusion(given, measured(right)))).toBe('holds');
  });
  it.each([
    [
      'keys without their factor 2',
      head(({ keyMetric }) => ({ keyMetric: scale(0.5, keyMetric ?? zeros(2, 2)) })),
    ],
    ['transposed scores', head(({ B }) => ({ B: transpose(B) }))],
    ['values of the wrong sign', head(({ V }) => ({ V: scale(-1, V) }))],
  ])('notices tokens moved by %s', (_, moved) => {
    expect(verdict(variantsConclusion(given, measured(moved)))).not.toBe('holds');
  });
  it('notices half of the exponential bound', () => {
    const halved = measured(right).map((one) => ({ ...one, bounds: one.bounds.map((b) => b / 2) }));
    expect(verdict(variantsConclusion(given, halved))).toBe('fails');
  });
});

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
  it('notices half of the bound on the smallest eigenvalue', () => {
    const contraction = measureRank(randomPiecewiseFlow(1, 6, 0.5));
    const half = { ...contraction, expansion: contraction.expansion / 2, still: false };
    expect(verdict(rankConclusion([half]))).toBe('fails');
  });
});

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

describe('C.stability', () => {
  const flow = randomStableFlow(1, 2);
  const nothing = { sufficient: null, regime: null, blowUpTime: null };
  const judge = (form: RiccatiForm) =>
    verdict(stabilityConclusion([{ ...nothing, approach: measureApproach(flow, form) }]));
  it('holds for the right form', () => expect(judge(formOf(flow))).toBe('holds'));
  it.each(wrongForms)('notices %s', (_, change) => {
    expect(judge(change(formOf(flow)))).toBe('fails');
  });
  it('notices a sufficient test that is contradicted', () => {
    const sufficient = { conclusion: 'bounded', regime: 'blow-up', contradicted: true };
    const right = { ...nothing, approach: measureApproach(flow) };
    expect(verdict(stabilityConclusion([right, { ...right, approach: null, sufficient }]))).toBe(
      'fails',
    );
  });
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

describe('C.finite-n', () => {
  const one = compareWithHull(backend, attractingFlow(10), {
    tokens: 64,
    seed: 1,
  }) as HullComparison;
  const judge = (bounds: readonly number[]) =>
    verdict(finiteTokensConclusion({ horizon: 10 }, [{ ...one, bounds }]));
  it('holds for the right bound', () => expect(judge(one.bounds)).toBe('holds'));
  it.each([
    ['half of the bound', one.bounds.map((b) => b / 2)],
    ['a bound without |V|', one.bounds.map(() => one.bounds[0])],
    ['a bound at half the rate', one.bounds.map((b) => Math.sqrt(b * one.bounds[0]))],
  ])('notices %s', (_, bounds) => expect(judge(bounds)).toBe('fails'));
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

describe('C.practice', () => {
  const [n, d] = [128, 16];
  const gaussian = toRows(gaussianInput(1, n, d));
  const judge = async (cloud: number[][]) => {
    const instance = { clouds: [gaussian, cloud, cloud] };
    return (await runClaim({ claim: practice, instance }, { backend })).finding.verdict;
  };
  const other = (law: 'two-sided exponential' | 'uniform') =>
    toRows(alternativeCloud(law, { rows: n, columns: d }, randomStream(1, 'other clouds')));
  it('holds for Gaussian clouds', async () => expect(await judge(gaussian)).toBe('holds'));
  it.each([
    ['two-sided exponential coordinates', other('two-sided exponential')],
    ['uniform coordinates', other('uniform')],
    [
      'two clusters along every axis',
      gaussian.map((point) => point.map((x) => x + 4 * Math.sign(x))),
    ],
  ])('notices %s', async (_, cloud) => expect(await judge(cloud)).toBe('fails'));
  it('notices blocks that expand where the closure says they contract', () => {
    const measures = [1, 2, 3].map((trace) => ({ trace }) as never);
    const blocks = {
      key: 1,
      value: -1,
      feedForward: 0.1,
      name: '',
      normalised: false,
      measures,
    } as const;
    expect(asPredicted(blocks)).toBe(false);
  });
});
