import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { letterPopulation } from './letters.ts';
import { explicitPopulation, populationEntropies } from './population.ts';

describe('words of letters', () => {
  it('have probabilities that sum to 1, and the entropy of their noise', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 4 }),
        fc.integer({ min: 2, max: 4 }),
        fc.double({ min: 0.05, max: 0.95, noNaN: true }),
        fc.double({ min: 0.01, max: 0.49, noNaN: true }),
        (letters, length, repetition, noise) => {
          const population = letterPopulation({ letters, length, repetition, noise });
          expect(population.probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
          const { bayesRisk, bayesAccuracy, constantRisk } = populationEntropies(population);
          const binary = -noise * Math.log(noise) - (1 - noise) * Math.log(1 - noise);
          expect(bayesRisk).toBeCloseTo(binary, 12);
          expect(bayesAccuracy).toBeCloseTo(1 - noise, 12);
          expect(constantRisk).toBeGreaterThanOrEqual(bayesRisk - 1e-12);
          expect(constantRisk).toBeLessThanOrEqual(Math.LN2 + 1e-12);
        },
      ),
      { numRuns: 30, seed: 1 },
    );
  });

  it('are refused for probabilities and sizes that make no law', () => {
    const options = { letters: 2, length: 3, repetition: 0.5, noise: 0.1 };
    expect(() => letterPopulation({ ...options, noise: Number.NaN })).toThrow(/noise/);
    expect(() => letterPopulation({ ...options, repetition: 1.5 })).toThrow(/repetition/);
    expect(() => letterPopulation({ ...options, letters: 1 })).toThrow(/letters/);
    expect(() => letterPopulation({ ...options, length: 2.5 })).toThrow(/length/);
  });

  it('are in class 1 where the last letter occurred before', () => {
    // Two letters, two places: aa and bb repeat, with probability 0.7.
    const population = letterPopulation({ letters: 2, length: 2, repetition: 0.7, noise: 0 });
    const ofClass = (label: number) =>
      population.probabilities.reduce(
        (sum, p, i) => sum + (population.labels[i] === label ? p : 0),
        0,
      );
    expect(ofClass(1)).toBeCloseTo(0.7, 14);
    expect(ofClass(0)).toBeCloseTo(0.3, 14);
  });
});

describe('an explicit population', () => {
  const h0 = [[[1, 0]], [[0, 1]], [[1, 0]]];
  const labels = [0, 1, 1];

  it('scales its probabilities and sees atoms of one sequence together', () => {
    const population = explicitPopulation({ h0, labels, probabilities: [3, 4, 1] }, 2);
    expect([...population.probabilities]).toEqual([3 / 8, 0.5, 1 / 8]);
    // Half of the mass has a certain class, the other one the law (3/4, 1/4).
    const binary = -0.75 * Math.log(0.75) - 0.25 * Math.log(0.25);
    expect(populationEntropies(population).bayesRisk).toBeCloseTo(binary / 2, 14);
    expect(populationEntropies(population).bayesAccuracy).toBeCloseTo(0.875, 14);
  });

  it.each([
    ['a label outside the classes', { labels: [0, 1, 2] }, 2, /labels\[2\]/],
    ['a class without a sequence', { labels: [0, 1, 0] }, 3, /class 2 has none/],
    ['a negative probability', { probabilities: [1, -1, 1] }, 2, /probabilities\[1\]/],
    ['no probability above 0', { probabilities: [0, 0, 0] }, 2, /probabilities/],
    [
      'ragged sequences',
      {
        h0: [
          [[1, 0]],
          [
            [0, 1],
            [1, 1],
          ],
          [[1, 0]],
        ],
      },
      2,
      /h0\[1\]/,
    ],
    ['too few labels', { labels: [0, 1] }, 2, /labels/],
  ])('refuses %s', (_, wrong, classes, message) => {
    expect(() => explicitPopulation({ h0, labels, ...wrong }, classes)).toThrow(message);
  });
});
