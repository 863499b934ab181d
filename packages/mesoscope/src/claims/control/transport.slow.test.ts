import { afterAll, describe, expect, it } from 'vitest';
import {
  type GridRecord,
  gridErrors,
  particleErrors,
  referenceLaw,
} from '../../control/transport/transport-errors.ts';
import { randomTransport, velocityOf } from '../../control/transport/transport-instance.ts';
import {
  attentionVelocity,
  type PointCloud,
  type TokenVelocity,
} from '../../control/transport/velocity.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import type { Claim } from '../claim.ts';
import { runClaim } from '../run.ts';
import { transport, transportConclusion } from './transport.ts';

const backend = await createWasmBackend();
afterAll(() => backend.dispose());

it('A.transport is undecided where the law blows up', async () => {
  const instance = { B: [[1]], V: [[3]], mean: [0], deviation: 1 };
  const { finding } = await runClaim({ claim: transport as Claim, instance }, { backend });
  expect(finding.verdict).toBe('undecided');
  expect(finding.summary).toMatch(/stays inside the grid/);
});

describe('wrong mathematics of A.transport', () => {
  const cells = [32, 64, 128, 256];
  const layers = [0, 1, 2, 3].map((index) => {
    const options = { horizon: 1, halfWidth: 7, cells };
    const instance = randomTransport(randomStream(1, 'one-token layers', index), 1, options);
    const velocity = velocityOf(instance);
    const reference = referenceLaw(instance, velocity);
    return { instance, velocity, reference, grid: gridErrors(instance, velocity, reference) };
  });
  type Layer = (typeof layers)[number];
  type Change = (layer: Layer) => TokenVelocity;
  const clouds = (velocity: Change) =>
    layers.map((layer, i) => {
      const random = randomStream(1, 'particles', i);
      return particleErrors(layer.instance, velocity(layer), layer.reference, random);
    });
  const right = clouds(({ velocity }) => velocity);
  const outcomes = (grids: readonly GridRecord[], particles: readonly number[][]) =>
    transportConclusion(
      { cells, planeCells: cells },
      grids.map((grid, i) => ({ grid, own: { plane: grid, particles: particles[i] } })),
    ).checks.map(({ outcome }) => outcome);
  const rightGrids = layers.map(({ grid }) => grid);

  const times =
    (factor: number): Change =>
    ({ velocity }) => ({
      dimension: 1,
      write(points, law, out) {
        velocity.write(points, law, out);
        for (let i = 0; i < out.length; i++) out[i] *= factor;
      },
    });
  /** Sees the law that its first call is given. */
  const frozen: Change = ({ velocity }) => {
    let first: PointCloud | undefined;
    return {
      dimension: 1,
      write(points, law, out) {
        first ??= { points: law.points.slice(), weights: law.weights.slice() };
        velocity.write(points, first, out);
      },
    };
  };
  const withoutFeedForward: Change = ({ instance: { B, V } }) =>
    attentionVelocity({ dimension: 1, B: B.flat(), V: V.flat() });

  it('holds for the right velocity', () =>
    expect(outcomes(rightGrids, right)).toEqual(['holds', 'holds', 'holds', 'holds']));

  it.each([
    ['of the wrong sign', times(-1)],
    ['half as fast', times(0.5)],
    ['that sees the law at depth 0', frozen],
    ['without its feed-forward part', withoutFeedForward],
  ])('notices a grid with a velocity %s', (_, change) => {
    const wrong = layers.map((layer) => gridErrors(layer.instance, change(layer), layer.reference));
    expect(outcomes(wrong, right)[0]).toBe('fails');
  });

  it.each([
    ['of the wrong sign', times(-1)],
    ['three times as fast', times(3)],
    ['without its feed-forward part', withoutFeedForward],
  ])('notices particles with a velocity %s', (_, change) =>
    expect(outcomes(rightGrids, clouds(change))[2]).not.toBe('holds'),
  );
});
