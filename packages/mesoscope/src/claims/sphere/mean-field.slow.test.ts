import { describe, expect, it } from 'vitest';
import { randomStream } from '../../numeric/random.ts';
import { circleVelocity, measureMeanField, randomArc } from '../../sphere/mean-field.ts';
import { drawVerdict, type Grounds } from '../verdict.ts';
import { meanField, meanFieldConclusion } from './mean-field.ts';
import { backend, find } from './test-support.ts';

const verdict = (grounds: Grounds) => drawVerdict(grounds).verdict;
const stream = (index: number) => randomStream(1, 'wrong limits', index);

it('E.mean-field holds on its own experiments, and on a law of one’s own', async () => {
  expect((await find(meanField)).verdict).toBe('holds');
  const finding = await find(meanField, { skew: -0.5, beta: 0, draws: 8 });
  expect(finding.verdict).toBe('holds');
});

describe('E.mean-field', () => {
  const sizes = { tokens: [16, 32, 64, 128], cells: [16, 32, 64, 128], draws: 8, reference: 128 };
  const judge = (velocityOf: (beta: number) => ReturnType<typeof circleVelocity>) =>
    verdict(
      meanFieldConclusion(
        sizes,
        [0, 1, 2, 3, 4].map((index) => {
          const arc = randomArc(stream(index));
          return measureMeanField(backend, arc, sizes, stream(10 + index), velocityOf(arc.beta));
        }),
      ),
    );
  const scaledBy = (factor: number) => (beta: number) => {
    const right = circleVelocity(beta);
    const write: typeof right.write = (points, law, out) => {
      right.write(points, law, out);
      for (let i = 0; i < out.length; i++) out[i] *= factor;
    };
    return { ...right, write };
  };
  it('holds for the right velocity', () => expect(judge(circleVelocity)).toBe('holds'));
  it.each<[string, (beta: number) => ReturnType<typeof circleVelocity>]>([
    ['the wrong sign', scaledBy(-1)],
    ['a tenth too much', scaledBy(1.1)],
    ['no β', () => circleVelocity(0)],
  ])('notices %s', (_, velocityOf) => expect(judge(velocityOf)).not.toBe('holds'));
});
