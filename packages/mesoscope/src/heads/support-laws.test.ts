import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backend } from '../kernels/backend.ts';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { certifyHeads } from './certificate.ts';
import { randomExperiment } from './experiment.ts';
import { headLaw, headLength } from './head-law.ts';
import { createHeadProblem } from './problem.ts';
import { sequenceData } from './sequences.ts';
import { certified, largestGainRatio, largestRatio, type MetLaws } from './support-laws.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await createWasmBackend({ heapMegabytes: 256 });
});
afterAll(() => backend.dispose());

const met = (grown: MetLaws['grown']): MetLaws => ({
  start: grown[0].certificate,
  grown,
  trained: [],
  unbalanced: [],
  supportSpread: 0,
});

describe('what the best head must gain', () => {
  // Ten sequences of the token 1, six of class 0: at the head 0 softmax is ½, `M = (−0.1, 0.1)`, and with λ = 0.2 the best head has
  // `V = −M/λ`: gap |M|²/(2λ) = 0.05, E|Φ|²/2 = 0.25, so that `max_t t·gap − t²/4 E|Φ|²` = 0.05²/(2·0.25) = 0.005.
  function nearlyTight() {
    const labels = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1].map((label) => [label]);
    const data = sequenceData(
      labels.map(() => [[1]]),
      labels,
      2,
    );
    const problem = createHeadProblem(backend, data, { keyDimension: 1, regularisation: 0.2 });
    const law = headLaw(problem.shape, new Float64Array(headLength(problem.shape)));
    return { problem, law, certificate: certifyHeads(problem, law) };
  }

  it('is known by hand where ∇²ℓ is nearly ½, and is gained by a hair', () => {
    const { problem, law, certificate } = nearlyTight();
    expect(certificate.gap).toBeCloseTo(0.05, 8);
    const { mustGain, gained } = certified(problem, law, certificate);
    expect(mustGain).toBeCloseTo(0.005, 8);
    expect(mustGain / gained).toBeLessThanOrEqual(1);
    expect(mustGain / gained).toBeGreaterThan(0.95);
  });

  it('is not gained with a gap that is 10 % or more too large', () => {
    const { problem, law, certificate } = nearlyTight();
    for (const factor of [1.1, 2]) {
      const wrong = certified(problem, law, { ...certificate, gap: factor * certificate.gap });
      expect(wrong.mustGain).toBeGreaterThan(wrong.gained);
      expect(largestGainRatio(met([wrong]))).toBeGreaterThan(1);
    }
  });

  it('is gained by random laws, and by a law of many heads with a gap', () => {
    for (const [index, heads] of [1, 8, 64].entries()) {
      const { problem, law } = randomExperiment(backend, 3, index, { regularisation: 0.05, heads });
      const each = certified(problem, law, certifyHeads(problem, law));
      expect(each.mustGain).toBeGreaterThan(0);
      expect(largestGainRatio(met([each]))).toBeLessThanOrEqual(1);
    }
  });
});

it('refutes a certificate whose gap is smaller than the risk above another law', () => {
  const { problem, law } = randomExperiment(backend, 3, 0, { regularisation: 0.05, heads: 4 });
  const zero = headLaw(problem.shape, new Float64Array(headLength(problem.shape)));
  const of = (factor: number) => {
    const laws = [law, zero].map((each) => {
      const certificate = certifyHeads(problem, each);
      return certified(problem, each, { ...certificate, gap: factor * certificate.gap });
    });
    return largestRatio(met(laws));
  };
  const ratio = of(1);
  expect(ratio).toBeGreaterThan(0);
  expect(ratio).toBeLessThanOrEqual(1);
  expect(of(ratio / 2)).toBeCloseTo(2, 10);
});
