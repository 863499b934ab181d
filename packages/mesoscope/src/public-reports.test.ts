import { describe, expect, it } from 'vitest';
import { attention } from './field/attention.ts';
import { evaluateField } from './field/evaluate.ts';
import { parametersFromMatrices } from './field/parameters.ts';
import { solveOde } from './flow/ode.ts';
import { gaussianLayer } from './gaussian/layer.ts';
import { integrateMoments } from './gaussian/moment-flow.ts';
import { unfactored } from './gaussian/moments.ts';
import { createReferenceBackend } from './kernels/reference/backend.ts';
import { wassersteinDistance } from './law/distance/transport.ts';
import { particles } from './law/law.ts';
import { eigenvalues } from './numeric/decompositions.ts';
import { studentQuantile, studentUpperTail } from './numeric/distributions.ts';
import { fitLine } from './numeric/fit.ts';
import { diagonal, fromRows, identity, scale } from './numeric/matrix.ts';
import { principalLogarithm, squareRootCondition } from './numeric/principal-logarithm.ts';
import { spectrumUncertainty } from './numeric/spectrum.ts';

/** Edges at which other people's libraries gave a silently wrong answer; numbers by NumPy, SciPy, POT and mpmath. */
describe('public reports', () => {
  it('transport with one far point (GUDHI/gudhi-devel#465)', () => {
    const from = [
      [31.848084366072715, 13.489335688193515],
      [2.0486761968097342, 0.8263817764264547],
      [40.66351196001362, 45.63777886388608],
      [30.331788788358992, 36.47482804919992],
      [27.181249573271142, 46.75362118938841],
      [0.5, 1e16],
    ];
    const to = [
      [1.4159835572731483, 6.214163824978197],
      [14.985594526869239, 21.134361059882924],
      [43.15894611749433, 27.073061012454584],
      [2.8, 1e16],
      [42.870213829378464, 1.6792787652732177],
      [36.4827723214972, 8.78278103012795],
    ];
    const { value, status } = wassersteinDistance(particles(from), particles(to));
    expect(status.kind).toBe('exact');
    expect(Math.abs(value / 19.392110837788387 - 1)).toBeLessThan(1e-9);
  });

  it('a line through equal points (scipy/scipy#10896)', () => {
    const equal = Array<number>(1000).fill(0.0125);
    expect(() => fitLine(equal, equal)).toThrow(/x: received 0.0125, expected at least two/);
  });

  it('Student’s t with infinitely many degrees (scipy/scipy#14777)', () => {
    expect(studentQuantile(0.975, Number.POSITIVE_INFINITY)).toBeCloseTo(1.959963984540054, 14);
    expect(studentUpperTail(2, Number.POSITIVE_INFINITY)).toBeCloseTo(0.02275013194817921, 15);
  });

  it('three crossings inside one step (scipy/scipy#9228)', () => {
    const { status } = solveOde(
      (t, _, out) => {
        out[0] = 3 * t * t + 12 * t - 4;
      },
      { from: -8, to: 4, initial: [-120], events: [{ name: 'zero', value: (_, y) => y[0] }] },
    );
    expect(status).toMatchObject({ kind: 'event', name: 'zero' });
    expect(status.kind === 'event' && status.depth).toBeCloseTo(-6, 9);
  });

  it('breakpoints in any order, repeated, and outside the interval', () => {
    const jump = (_: number, __: Float64Array, out: Float64Array, from: number, to: number) => {
      const middle = (from + to) / 2;
      out[0] = middle < 1 ? 1 : middle < 2 ? -3 : 10;
    };
    const { state, status } = solveOde(jump, {
      to: 3,
      initial: [0],
      breakpoints: [2, 1, 2, 7, 1 + 2 ** -52, -1],
    });
    expect(status.kind).toBe('completed');
    expect(state[0]).toBeCloseTo(1 - 3 + 10, 13);
  });

  it('a stiff layer (rtqichen/torchdiffeq#57): Σ* = diag(10⁴, 0.1)', () => {
    const layer = gaussianLayer({
      dimension: 2,
      attention: 'softmax',
      heads: [{ V: identity(2), B: scale(-1, identity(2)) }],
      W: diagonal([1e4, 0.1]),
    });
    const law = { mean: new Float64Array(2), covariance: identity(2) };
    const { status, moments } = integrateMoments(layer, law, { horizon: 133, dense: false });
    expect(status.kind).toBe('completed');
    const { data } = unfactored(moments).covariance;
    expect(data[0] / 1e4).toBeCloseTo(1, 8);
    expect(data[3] / 0.1).toBeCloseTo(1, 8);
  });

  it('a Jordan block (scipy/scipy#8029): the answer comes with what is known of it', () => {
    const n = 5;
    const block = { ...identity(n), data: identity(n).data.slice() };
    for (let i = 0; i + 1 < n; i++) block.data[i * n + i + 1] = 1;
    const spread = eigenvalues(block).real.reduce((most, x) => Math.max(most, Math.abs(x - 1)), 0);
    expect(spread).toBeLessThanOrEqual(3 * spectrumUncertainty(block));
    expect(spectrumUncertainty(block)).toBeGreaterThan(1e-4);
    const singular = fromRows([
      [0, 1],
      [0, 0],
    ]);
    expect(() => principalLogarithm(singular)).toThrow(/no eigenvalue on/);
    const nearly = fromRows([
      [1e-8, 1],
      [0, 1e-8],
    ]);
    expect(squareRootCondition(nearly)).toBeGreaterThan(1e6);
  });

  it('scores near −2.45e5, in double precision (flashinfer-ai/flashinfer#4267)', () => {
    const field = attention({ dimension: 2, heads: 1, keyDimension: 1, scale: 1 });
    const value = evaluateField(createReferenceBackend(), field, {
      tokens: [
        [-245000, 1],
        [-245001, 2],
        [-246000, 4],
      ],
      parameters: parametersFromMatrices(field, {
        Q: [[[0, 1]]],
        K: [[[1, 0]]],
        V: [
          [
            [0, 0],
            [0, 1],
          ],
        ],
      }),
    });
    expect(value[0][1]).toBeCloseTo(1 + 1 / (1 + Math.E), 14);
  });
});
