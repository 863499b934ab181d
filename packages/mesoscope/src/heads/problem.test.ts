import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../kernels/backend.ts';
import { createReferenceBackend } from '../kernels/reference/backend.ts';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { randomStream } from '../numeric/random.ts';
import {
  type HeadLaw,
  headLaw,
  headLawOf,
  headLength,
  headOf,
  mixHeadLaws,
  randomHeads,
} from './head-law.ts';
import { createHeadProblem } from './problem.ts';
import { sequenceData } from './sequences.ts';
import { randomProblem, riskByDefinition, withoutPadding } from './test-support.ts';

let wasm: Backend;
beforeAll(async () => {
  wasm = await createWasmBackend({ threads: 2, heapMegabytes: 512 });
});
afterAll(() => wasm.dispose());

const shape = { dimension: 3, keyDimension: 2, classes: 4 };

function weightedHeads(count: number, seed = 1): HeadLaw {
  const random = randomStream(seed, 'test heads');
  const { parameters } = randomHeads(shape, count, random, { score: 1, value: 1 });
  const weights = Float64Array.from({ length: count }, () => 0.2 + random.uniform());
  const total = weights.reduce((a, b) => a + b, 0);
  return headLaw(
    shape,
    parameters,
    weights.map((w) => w / total),
  );
}

describe.each(['reference', 'wasm'])('a problem on the %s backend', (name) => {
  const backend = () => (name === 'wasm' ? wasm : createReferenceBackend());

  it.each([1, 7, 20, 131])('has the risk of the definition with %i heads', (count) => {
    const { problem, sequences, labels } = randomProblem(backend(), { regularisation: 0.3 });
    const law = weightedHeads(count);
    expect(problem.risk(law).risk).toBeCloseTo(riskByDefinition(law, sequences, labels, 0.3), 12);
  });

  it('has a first variation that is the derivative of the risk along mixtures', () => {
    const { problem } = randomProblem(backend(), { regularisation: 0.3 });
    const law = weightedHeads(6);
    const other = weightedHeads(1, 2);
    const at = problem.linearise(law);
    const [psi] = problem.firstVariation(at, other.parameters);
    const mean = problem
      .firstVariation(at, law.parameters)
      .reduce((sum, value, i) => sum + law.weights[i] * value, 0);
    const t = 1e-4;
    const along = (s: number) => problem.risk(mixHeadLaws(law, other, s)).risk;
    expect((-3 * along(0) + 4 * along(t) - along(2 * t)) / (2 * t)).toBeCloseTo(psi - mean, 6);
  });

  it('has particle gradients: the gradient of the N-head risk, divided by the weights', () => {
    const { problem } = randomProblem(backend(), { regularisation: 0.3 });
    const law = weightedHeads(5);
    const gradient = new Float64Array(law.parameters.length);
    problem.firstVariation(problem.linearise(law), law.parameters, gradient);
    const h = 1e-5;
    law.parameters.forEach((_, j) => {
      const moved = (step: number) => {
        const parameters = law.parameters.slice();
        parameters[j] += step;
        return problem.risk(headLaw(shape, parameters, law.weights)).risk;
      };
      const weight = law.weights[Math.floor(j / headLength(shape))];
      expect(gradient[j] * weight).toBeCloseTo((moved(h) - moved(-h)) / (2 * h), 8);
    });
  });
});

describe('a law of heads', () => {
  it('has a risk that is convex along mixtures', () => {
    const { problem } = randomProblem(wasm, { regularisation: 0.1 });
    for (let seed = 0; seed < 20; seed++) {
      const [a, b] = [weightedHeads(4, 2 * seed), weightedHeads(3, 2 * seed + 1)];
      const risks = [0, 0.25, 0.5, 0.75, 1].map((t) => problem.risk(mixHeadLaws(a, b, t)).risk);
      for (let i = 1; i < 4; i++) {
        expect(risks[i]).toBeLessThanOrEqual((risks[i - 1] + risks[i + 1]) / 2 + 1e-14);
      }
    }
  });

  it('means the same in any order of the heads', () => {
    const { problem } = randomProblem(wasm, { regularisation: 0.1 });
    const law = weightedHeads(40);
    const P = headLength(shape);
    const order = randomStream(3, 'order').shuffle(Array.from({ length: 40 }, (_, i) => i));
    const parameters = new Float64Array(law.parameters.length);
    order.forEach((from, to) => {
      parameters.set(law.parameters.subarray(from * P, (from + 1) * P), to * P);
    });
    const permuted = headLaw(
      shape,
      parameters,
      order.map((i) => law.weights[i]),
    );
    expect(problem.risk(permuted).risk).toBeCloseTo(problem.risk(law).risk, 14);
    const psi = problem.firstVariation(problem.linearise(law), law.parameters);
    const permutedPsi = problem.firstVariation(problem.linearise(permuted), permuted.parameters);
    order.forEach((from, to) => {
      expect(permutedPsi[to]).toBeCloseTo(psi[from], 13);
    });
  });

  it('has logits that do not change with the gauge Q → GQ, K → G⁻ᵀK', () => {
    const { problem } = randomProblem(wasm, { regularisation: 0 });
    const { Q, K, V } = headOf(weightedHeads(1), 0);
    // G = (2, 1; 0, ½), G⁻ᵀ = (½, 0; −1, 2).
    const turned = {
      Q: [Q[0].map((q, a) => 2 * q + Q[1][a]), Q[1].map((q) => q / 2)],
      K: [K[0].map((x) => x / 2), K[1].map((x, a) => -K[0][a] + 2 * x)],
      V,
    };
    const before = withoutPadding(problem.logits(headLawOf([{ Q, K, V }])), 6);
    const after = withoutPadding(problem.logits(headLawOf([turned])), 6);
    before.forEach((z, i) => {
      expect(after[i]).toBeCloseTo(z, 12);
    });
  });

  it('counts a padded sequence as it would count alone', () => {
    const { problem, sequences, labels } = randomProblem(wasm, { regularisation: 0 });
    const law = weightedHeads(3);
    const short = sequences.length - 1;
    const alone = createHeadProblem(wasm, sequenceData([sequences[short]], [labels[short]], 4), {
      keyDimension: 2,
      regularisation: 0,
    });
    const drawn = problem.linearise(law, short);
    const positions = labels.flat().filter((label) => label >= 0).length;
    const own = labels[short].filter((label) => label >= 0).length;
    const factor = positions / own / sequences.length;
    expect(drawn.crossEntropy * factor).toBeCloseTo(alone.risk(law).risk, 13);
    const gradient = new Float64Array(law.parameters.length);
    const gradientAlone = new Float64Array(law.parameters.length);
    problem.firstVariation(drawn, law.parameters, gradient);
    alone.firstVariation(alone.linearise(law), law.parameters, gradientAlone);
    gradient.forEach((g, j) => {
      expect(g * factor).toBeCloseTo(gradientAlone[j], 13);
    });
  });

  it('has one-sequence gradients whose mean is the full gradient', () => {
    const { problem } = randomProblem(wasm, { regularisation: 0.2 });
    const law = weightedHeads(17);
    const full = new Float64Array(law.parameters.length);
    problem.firstVariation(problem.linearise(law), law.parameters, full);
    const mean = new Float64Array(full.length);
    const one = new Float64Array(full.length);
    for (let s = 0; s < 5; s++) {
      problem.firstVariation(problem.linearise(law, s), law.parameters, one);
      one.forEach((g, j) => {
        mean[j] += g / 5;
      });
    }
    full.forEach((g, j) => {
      expect(mean[j]).toBeCloseTo(g, 13);
    });
  });

  // 200 heads and a head of weight 0 go the separate way.
  it.each([
    [1, undefined],
    [17, undefined],
    [9, 2],
    [200, undefined],
  ])('descends in one pass as in two: %i heads, sequence %s', (count, drawn) => {
    const { problem } = randomProblem(wasm, { regularisation: 0.3, sequences: 19 });
    const law = weightedHeads(count);
    const [together, apart] = [law.parameters.slice(), law.parameters.slice()];
    const at = problem.linearise(law, drawn);
    problem.firstVariation(at, law.parameters, apart);
    const { risk, crossEntropy } = problem.descend(law, together, drawn);
    expect(risk).toBeCloseTo(at.risk, 13);
    expect(crossEntropy).toBeCloseTo(at.crossEntropy, 13);
    apart.forEach((g, j) => {
      expect(together[j]).toBeCloseTo(g, 13);
    });
  });

  it('descends where a head has no weight', () => {
    const { problem } = randomProblem(wasm, { regularisation: 0.3 });
    const law = headLaw(shape, weightedHeads(3).parameters, [0.5, 0, 0.5]);
    const [together, apart] = [law.parameters.slice(), law.parameters.slice()];
    problem.firstVariation(problem.linearise(law), law.parameters, apart);
    problem.descend(law, together);
    expect(together).toEqual(apart);
  });

  it('has features that sum to its logits', () => {
    const { problem } = randomProblem(wasm, { regularisation: 0, sequences: 19 });
    const law = weightedHeads(9);
    const features = problem.features(law.parameters);
    const logits = problem.logits(law);
    const sum = logits.map((_, j) =>
      law.weights.reduce((z, w, i) => z + w * features[i * logits.length + j], 0),
    );
    withoutPadding(logits, 6).forEach((z, j) => {
      expect(withoutPadding(sum, 6)[j]).toBeCloseTo(z, 13);
    });
  });
});

describe('bad input', () => {
  const tokens = [[[1], [2]]];

  it.each([
    [[[0, 3]], /labels\[0\]\[1\]/],
    [[[0, -2]], /labels\[0\]\[1\]/],
    [[[0, 0.5]], /labels\[0\]\[1\]/],
    [[[0]], /labels\[0\]/],
    [[[-1, -1]], /no label/],
  ])('labels %j are refused', (labels, message) => {
    expect(() => sequenceData(tokens, labels, 3)).toThrow(message);
  });

  it('refuses ragged tokens, one class, non-finite tokens', () => {
    expect(() => sequenceData([[[1], [2, 3]]], [[0, 1]], 3)).toThrow(/sequences\[0\]\[1\]/);
    expect(() => sequenceData(tokens, [[0, 0]], 1)).toThrow(/classes/);
    expect(() => sequenceData([[[Number.NaN]]], [[0]], 2)).toThrow(/sequences\[0\]\[0\]/);
  });

  it('refuses weights that are negative or do not sum to 1', () => {
    const two = randomHeads(shape, 2, randomStream(1, 'bad')).parameters;
    expect(() => headLaw(shape, two, [1.5, -0.5])).toThrow(/weights\[1\]/);
    expect(() => headLaw(shape, two, [0.5, 0.4])).toThrow(/sum to 1/);
    expect(() => headLaw(shape, two, [1])).toThrow(/weights/);
  });

  it('refuses λ < 0, r ≤ 0 and heads of another shape', () => {
    const data = sequenceData(tokens, [[0, 1]], 2);
    const create = (options: object) =>
      createHeadProblem(wasm, data, { keyDimension: 1, regularisation: 0, ...options });
    expect(() => create({ regularisation: -1 })).toThrow(/regularisation/);
    expect(() => create({ regularisation: Number.NaN })).toThrow(/regularisation/);
    expect(() => create({ radius: 0 })).toThrow(/radius/);
    expect(() => create({}).risk(weightedHeads(1))).toThrow(/heads/);
  });
});
