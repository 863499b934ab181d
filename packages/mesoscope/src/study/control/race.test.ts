import { expect, it } from 'vitest';
import { raceOutcome, raceRatio } from './race.ts';

function record(layers: number, seconds: number, validationLoss: number) {
  return { layers, step: 1, seconds, layerGradients: 10 * seconds, loss: 1, validationLoss };
}

const random = [record(8, 10, 1), record(8, 20, 0.4), record(8, 30, 0.5)];

it('compares at the lowest loss that both reach at the finest depth', () => {
  // The coarse network is lower earlier, but it is not the network that is wanted.
  const refined = [record(4, 1, 0.1), record(8, 5, 0.45), record(8, 6, 0.3)];
  const outcome = raceOutcome({ seed: 1, random, refined });
  expect(outcome.level).toBe(0.4);
  expect(outcome.random.seconds).toBe(20);
  expect(outcome.refined.seconds).toBe(6);
  const worse = raceOutcome({ seed: 2, random, refined: [record(8, 40, 0.7)] });
  expect(worse.level).toBe(0.7);
  expect(worse.random.seconds).toBe(20);
  expect(worse.refined.seconds).toBe(40);
});

it('takes the geometric mean over seeds, with an interval', () => {
  const outcomes = [2, 8].map((seconds) =>
    raceOutcome({ seed: 1, random: [record(8, 16, 0.4)], refined: [record(8, seconds, 0.4)] }),
  );
  const { mean, interval } = raceRatio(outcomes, 'layerGradients');
  expect(mean).toBeCloseTo(4, 12);
  expect(interval?.[0]).toBeLessThan(4);
  expect((interval?.[0] ?? 0) * (interval?.[1] ?? 0)).toBeCloseTo(16, 9);
  expect(raceRatio(outcomes.slice(0, 1), 'seconds').interval).toBeNull();
});
