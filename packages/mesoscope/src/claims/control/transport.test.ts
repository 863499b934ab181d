import { afterAll, describe, expect, it } from 'vitest';
import {
  gridErrors,
  particleErrors,
  referenceLaw,
} from '../../control/transport/transport-errors.ts';
import { randomTransport, velocityOf } from '../../control/transport/transport-instance.ts';
import { attentionVelocity, type TokenVelocity } from '../../control/transport/velocity.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import type { Claim } from '../claim.ts';
import { runClaim } from '../run.ts';
import { transport, transportConclusion } from './transport.ts';

const backend = await createWasmBackend();
afterAll(() => backend.dispose());

async function find(instance: unknown) {
  return (await runClaim({ claim: transport as Claim, instance }, { backend })).finding;
}

const law = { B: [[1]], V: [[-0.3]], mean: [0], deviation: 0.7 };

describe('A.transport', () => {
  it('holds on an explicit layer', async () => {
    const finding = await find(law);
    expect(finding.verdict, finding.summary).toBe('holds');
  });

  it.each([
    ['the grid cuts the law', { ...law, mean: [6] }, /stays inside the grid/],
    ['the grid cannot resolve the law', { ...law, deviation: 0.02 }, /two of the finest cells/],
    ['nothing moves', { ...law, V: [[0]] }, /velocity is 0/],
    ['only the mean is seen, and is 0', { ...law, B: [[0]] }, /velocity is 0/],
    ['the context is one point, 0', { ...law, context: [[0]] }, /velocity is 0/],
    ['the law blows up', { ...law, V: [[3]], deviation: 1 }, /stays inside the grid/],
  ])('is undecided where %s', async (_, instance, sentence) => {
    const finding = await find(instance);
    expect(finding.verdict, finding.summary).toBe('undecided');
    expect(finding.summary).toMatch(sentence);
  });

  it('refuses what would take minutes: a law in the plane that attends to itself on fine grids', async () => {
    const square = [
      [0.3, 0],
      [0, 0.2],
    ];
    const plane = { B: square, V: square, mean: [0, 0], deviation: 0.7 };
    await expect(find({ ...plane, cells: [16, 32, 64, 128] })).rejects.toThrow(
      /at most 64 an axis/,
    );
    const { given } = transport;
    expect(() => given.parse({ ...plane, cells: [8, 16, 32, 64] }, 'quick')).not.toThrow();
    expect(() => given.parse({ ...plane, context: [[1, 0]] }, 'quick')).not.toThrow();
  });

  it('refuses a law beside the grid', async () => {
    await expect(find({ ...law, mean: [100] })).rejects.toThrow(/must lie in the grid/);
  });
});

describe('wrong mathematics of A.transport', () => {
  const cells = [32, 64, 128, 256];
  const options = { horizon: 1, halfWidth: 7, cells };
  const instances = [0, 1].map((index) =>
    randomTransport(randomStream(1, 'one-token layers', index), 1, options),
  );
  /** Checks where the grid, or the particles, move with another velocity than the reference. */
  const outcomes = (changed: {
    grid?: (right: TokenVelocity, i: number) => TokenVelocity;
    particles?: (right: TokenVelocity, i: number) => TokenVelocity;
  }) => {
    const records = instances.map((instance, i) => {
      const velocity = velocityOf(instance);
      const reference = referenceLaw(instance, velocity);
      const { grid = (v) => v, particles = (v) => v } = changed;
      const random = randomStream(1, 'particles', i);
      const line = gridErrors(instance, grid(velocity, i), reference);
      const clouds = particleErrors(instance, particles(velocity, i), reference, random);
      return { grid: line, own: { plane: line, particles: clouds } };
    });
    return transportConclusion({ cells, planeCells: cells }, records).checks.map(
      ({ outcome }) => outcome,
    );
  };
  const times =
    (factor: number) =>
    (right: TokenVelocity): TokenVelocity => ({
      dimension: 1,
      write(points, law, out) {
        right.write(points, law, out);
        for (let i = 0; i < out.length; i++) out[i] *= factor;
      },
    });
  /** All see the law that the first call is given. */
  const frozen = (right: TokenVelocity): TokenVelocity => {
    let first: Parameters<TokenVelocity['write']>[1] | undefined;
    return {
      dimension: 1,
      write(points, law, out) {
        first ??= { points: law.points.slice(), weights: law.weights.slice() };
        right.write(points, first, out);
      },
    };
  };
  const withoutFeedForward = (_: TokenVelocity, i: number) =>
    attentionVelocity({ dimension: 1, B: instances[i].B.flat(), V: instances[i].V.flat() });

  it('holds for the right velocity', () =>
    expect(outcomes({})).toEqual(['holds', 'holds', 'holds', 'holds']));

  it.each([
    ['of the wrong sign', times(-1)],
    ['half as fast', times(0.5)],
    ['that sees the law at depth 0', frozen],
    ['without its feed-forward part', withoutFeedForward],
  ])('notices a grid with a velocity %s', (_, grid) => expect(outcomes({ grid })[0]).toBe('fails'));

  it.each([
    ['of the wrong sign', times(-1)],
    ['half as fast', times(0.5)],
    ['without its feed-forward part', withoutFeedForward],
  ])('notices particles with a velocity %s', (_, particles) =>
    expect(outcomes({ particles })[2]).not.toBe('holds'),
  );
});
