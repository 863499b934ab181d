import { afterAll, describe, expect, it } from 'vitest';
import { attentionJacobian, gramMatrix } from '../../ensemble/attention-jacobian.ts';
import { attentionKernel } from '../../ensemble/attention-kernel.ts';
import { contextFamilies, nearTriples } from '../../ensemble/context-families.ts';
import { randomTriple, sweepDepths } from '../../ensemble/depth-sweep.ts';
import {
  compareInjectivity,
  type KernelComputations,
  kernelQuestions,
} from '../../ensemble/injectivity-comparison.ts';
import type { TokenMap } from '../../ensemble/token-map.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { counterexample, counterexampleConclusion } from './counterexample.ts';
import { attentionKernelInjectivity, injectivityConclusion } from './ntk.ts';
import { verdictOf } from './test-support.ts';

/** Claims about injectivity must notice wrong mathematics. */

const backend = await createWasmBackend({ threads: 1 });
afterAll(() => backend.dispose());

describe('D.ntk', () => {
  const given = attentionKernelInjectivity.given.parse({ draws: 2 }, 'quick');
  const families = [...contextFamilies, ...nearTriples];
  const verdict = (computations?: KernelComputations) =>
    verdictOf(
      injectivityConclusion(
        [0, 1].map((index) =>
          families.flatMap((family) =>
            kernelQuestions.map((question) =>
              compareInjectivity(
                family.make(1, index),
                question,
                { seed: 1 + index, keyDimension: 2 },
                computations,
              ),
            ),
          ),
        ),
        given,
      ),
    );
  /** Explicit gradients changed by parameter (0: Q, 1: K, 2: V), and a kernel that is their Gram matrix: both agree. */
  const consistent = (change: (entry: number, block: number) => number): KernelComputations => {
    const jacobian: typeof attentionJacobian = (heads, state, part) => {
      const right = attentionJacobian(heads, state, part);
      const length = right.rows / heads.length;
      const data = right.data.map((entry, i) =>
        change(entry, Math.floor((Math.floor(i / right.columns) % length) / 4)),
      );
      return { ...right, data };
    };
    return { jacobian, kernel: (heads, state, part) => gramMatrix(jacobian(heads, state, part)) };
  };
  const right = { kernel: attentionKernel, jacobian: attentionJacobian };

  it('holds for what is right', () => expect(verdict()).toBe('holds'));

  it.each<[string, KernelComputations]>([
    ['a kernel without its ⟨Qx, Qx′⟩ term', consistent((g, block) => (block === 1 ? 0 : g))],
    ['a kernel without its ⟨x, x′⟩ term', consistent((g, block) => (block === 0 ? 0 : g))],
    ['a kernel without values', consistent((g, block) => (block === 2 ? 0 : g))],
    ['scores without 1/√k', consistent((g, block) => (block < 2 ? Math.SQRT2 * g : g))],
    [
      'a formula twice as large',
      {
        ...right,
        kernel: (...of) => {
          const matrix = attentionKernel(...of);
          return { ...matrix, data: matrix.data.map((x) => 2 * x) };
        },
      },
    ],
    [
      'gradients that see no values where these are trained',
      { ...right, jacobian: (heads, state) => attentionJacobian(heads, state, 'query-key') },
    ],
  ])('notices %s', (_, computations) => expect(verdict(computations)).toBe('fails'));
});

describe('D.counterexample', () => {
  const given = counterexample.given.parse({ depths: [2] }, 'quick');
  const verdict = (
    change?: (map: TokenMap) => TokenMap,
    targets = (y: Float64Array, _: number) => y,
  ) =>
    verdictOf(
      counterexampleConclusion(
        [1, 2].map((seed) => {
          const triple = randomTriple(seed, 2);
          const depths = { depths: [1, 2], heads: 4 };
          const sweep = sweepDepths(backend, triple, depths, change);
          const { floor } = sweepDepths(
            backend,
            { ...triple, targets: triple.targets.map(targets) },
            { depths: [], heads: 4 },
          );
          return { ...sweep, floor };
        }),
        given,
      ),
    );
  /** Final tokens changed, gradients with them. */
  const withFinals =
    (change: (x: number, i: number) => number, slope: (i: number) => number) =>
    (map: TokenMap): TokenMap => ({
      ...map,
      forward: (theta) => map.forward(theta).map(change),
      differentiate(theta, costate, gradient) {
        const finals = map.differentiate(
          theta,
          (x) => costate(x.map(change)).map((p, i) => p * slope(i)),
          gradient,
        );
        return finals.map(change);
      },
    });

  it('holds for what is right', () => expect(verdict()).toBe('holds'));

  it('notices a floor of the wrong sign in y₃', () =>
    expect(verdict(undefined, (y, i) => (i === 2 ? y.map((entry) => -entry) : y))).toBe('fails'));
  it('notices a floor with another factor', () =>
    expect(verdict(undefined, (y) => y.map((entry) => 1.1 * entry))).toBe('fails'));
  it('notices a layer that tells dependent contexts apart', () =>
    expect(
      verdict(
        withFinals(
          (x, i) => x * (1 + 0.1 * i),
          (i) => 1 + 0.1 * i,
        ),
      ),
    ).toBe('fails'));
  it('notices networks that cannot move', () =>
    expect(
      verdict(
        withFinals(
          () => 0,
          () => 0,
        ),
      ),
    ).not.toBe('holds'));
});
