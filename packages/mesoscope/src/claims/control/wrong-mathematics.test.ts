import { afterAll, describe, expect, it } from 'vitest';
import { hamiltonianProfile } from '../../control/hamiltonian.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { solveOverDepths } from './hamiltonian.ts';
import { hamiltonianFinding } from './hamiltonian-finding.ts';
import { randomSequencesModel } from './hamiltonian-problem.ts';
import { solveModel } from './optima.ts';

/** Every claim must notice when what it is measured on is not what it says. */

const backend = await createWasmBackend();
afterAll(() => backend.dispose());

describe('A.hamiltonian', () => {
  const layers = [4, 8, 16, 32];
  const modelOf = (L: number) =>
    randomSequencesModel(backend, { seed: 1, index: 0, layers: L, regularisation: 1 });
  const records = solveOverDepths(backend, layers, modelOf, { continuation: true });

  it('holds for solutions, and fails where samples are paired with the costates of others', () => {
    expect(hamiltonianFinding([records]).verdict).toBe('holds');
    const wrong = layers.map((L, i) => {
      const model = modelOf(L);
      solveModel(model, { tolerance: 1e-10 });
      const { problem, parameters, batch } = model;
      const trace = problem.trace(parameters, batch);
      const size = problem.stateLength;
      for (const p of trace.costates) {
        const first = p.slice(0, size);
        p.copyWithin(0, size);
        p.set(first, p.length - size);
      }
      const { deviation } = hamiltonianProfile(problem, parameters, trace);
      return { ...records[i], deviation };
    });
    expect(hamiltonianFinding([wrong]).verdict).toBe('fails');
  });

  it('is outside for controls that are not stationary', () => {
    const options = { continuation: true, iterations: 1 };
    const finding = hamiltonianFinding([solveOverDepths(backend, layers, modelOf, options)]);
    expect(finding.verdict).toBe('outside');
    expect(finding.assumptions[0].holds).toBe(false);
  });
});
