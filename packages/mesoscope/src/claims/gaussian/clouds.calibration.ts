import { afterAll, describe, it } from 'vitest';
import { gaussianFlow } from '../../gaussian/gaussian-flow.ts';
import { gaussianLayer } from '../../gaussian/layer.ts';
import { measureCloudRate } from '../../gaussian/measure/invariance.ts';
import { measureVariant } from '../../gaussian/measure/variants.ts';
import { createCloudMeter, excessDistance } from '../../gaussian/practice/measure-cloud.ts';
import { gaussianInput } from '../../gaussian/practice/measure-source.ts';
import { fitRate, meanInterval } from '../../numeric/fit.ts';
import { fromRows } from '../../numeric/matrix.ts';
import { expectCalibrated } from '../test-support.ts';
import { backend } from './test-support.ts';

afterAll(() => backend.dispose());

const scalar = (x: number) => fromRows([[x]]);
const law = { mean: Float64Array.of(0.3), covariance: scalar(1) };
const tokens = [16, 32, 64, 128];
const groups = [0, 1, 2, 3, 4, 5];

/** Tokens that an affine layer moves have the same errors of sampling as any others, and cost least: d = 1, 6 groups of 4 clouds. */
describe('C.invariance', () => {
  const flow = gaussianFlow(gaussianLayer({ W: scalar(0.3) }), law, 0.5);
  const measured = (seed: number) =>
    groups.map((group) =>
      measureCloudRate(backend, flow, { tokens, samples: 4, seed: 1000 * seed + group }),
    );

  it('the order of the error of the moments', () =>
    expectCalibrated('C.invariance, order', -0.5, (seed) => {
      return fitRate({ x: tokens, y: measured(seed).map((one) => one.moments) }).interval;
    }));

  it('the growth of the sliced distance over its null', () =>
    expectCalibrated('C.invariance, growth', 0, (seed) => {
      const y = measured(seed).map((one) => one.sliced.map((value, i) => value / one.null[i]));
      return fitRate({ x: tokens, y }).interval;
    }));
});

it('C.variants: the order of the error of n tokens under sinkhorn attention', () => {
  const layer = gaussianLayer({
    attention: 'sinkhorn',
    heads: [{ V: scalar(0.5), B: scalar(0.2) }],
  });
  const flow = gaussianFlow(layer, law, 0.5);
  return expectCalibrated('C.variants, order', -0.5, (seed) => {
    const y = groups.map(
      (group) =>
        measureVariant(backend, flow, { tokens, samples: 4, seed: 1000 * seed + group }).errors,
    );
    return fitRate({ x: tokens, y }).interval;
  });
});

/** The expected excess of Gaussian clouds is what 6000 of them have in the mean: its own error is a thirtieth of an interval's. */
it('C.practice: the excess of Gaussian clouds', async () => {
  const [n, d] = [24, 4];
  const meter = createCloudMeter(backend, { rows: n, columns: d }, { directions: 8 });
  const excess = (seed: number) =>
    excessDistance(meter.measure({ layer: 0, points: gaussianInput(seed, n, d), tilt: null }));
  const { mean } = meanInterval(Array.from({ length: 6000 }, (_, k) => excess(k)));
  await expectCalibrated('C.practice, excess', mean, (seed) => {
    return meanInterval(groups.map((group) => excess(10_000 + 6 * seed + group))).interval;
  });
});
