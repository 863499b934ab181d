import { describe, expect, it } from 'vitest';
import { fromRows, type Matrix, scale } from '../../numeric/matrix.ts';
import { randomStream } from '../../numeric/random.ts';
import { meetingTime } from '../../sphere/circle-groups.ts';
import { followHardmax, measureLeaders, randomFollowers } from '../../sphere/hardmax.ts';
import { measureMetastability, randomGroups } from '../../sphere/metastability.ts';
import {
  measureNormalisation,
  normalisedField,
  randomLeaning,
} from '../../sphere/normalisation.ts';
import { measurePolytope, rescaledVelocity } from '../../sphere/rescaled.ts';
import type { Tokens } from '../../sphere/tokens.ts';
import { drawVerdict, type Grounds } from '../verdict.ts';
import { leadersConclusion } from './leaders.ts';
import { metastabilityConclusion } from './metastability.ts';
import { normalisationConclusion } from './normalisation.ts';
import { polytopeConclusion } from './polytope.ts';
import { backend } from './test-support.ts';

/** Claims about limits of the dynamics must notice wrong mathematics. */

const verdict = (grounds: Grounds) => drawVerdict(grounds).verdict;
const stream = (index: number) => randomStream(1, 'wrong limits', index);

describe('E.normalisation', () => {
  const times = [32, 64, 128, 256, 512];
  const judge = (fieldOf: typeof normalisedField) =>
    verdict(
      normalisationConclusion([
        measureNormalisation(backend, { ...randomLeaning(stream(0)), times }, fieldOf),
      ]),
    );
  it('holds for the right fields', () => expect(judge(normalisedField)).toBe('holds'));
  it.each<[string, typeof normalisedField]>([
    [
      'no norm under pre-norm',
      (d, beta, v, placement) => {
        const right = normalisedField(d, beta, v, placement);
        const still = {
          ...right.field,
          trace: (...[builder, input]: Parameters<typeof right.field.trace>) =>
            builder.scale(builder.tangent(input.state, right.field.trace(builder, input))),
        };
        return placement === 'pre' ? { ...right, field: still } : right;
      },
    ],
    [
      'a second division by |x| under pre-norm',
      (d, beta, v, placement) => {
        const right = normalisedField(d, beta, v, placement);
        const trace = (...[builder, input]: Parameters<typeof right.field.trace>) => {
          const f = right.field.trace(builder, input);
          const away = builder.scale(f);
          return builder.add(builder.tangent(input.state, f), away, { factor: -1 });
        };
        return placement === 'pre' ? { ...right, field: { ...right.field, trace } } : right;
      },
    ],
    [
      'an output that is projected under peri-norm',
      (d, beta, v, placement) => {
        const right = normalisedField(d, beta, v, placement);
        const projected = {
          ...right.field,
          trace: (...[builder, input]: Parameters<typeof right.field.trace>) =>
            builder.tangent(input.state, right.field.trace(builder, input)),
        };
        return placement === 'peri' ? { ...right, field: projected } : right;
      },
    ],
  ])('notices %s', (_, fieldOf) => expect(judge(fieldOf)).not.toBe('holds'));
  it('notices a value that the rate of post-norm does not have', () => {
    const record = measureNormalisation(backend, { ...randomLeaning(stream(0)), times });
    const post = record.post && { ...record.post, measured: 1.001 * record.post.measured };
    expect(verdict(normalisationConclusion([{ ...record, post }]))).toBe('fails');
  });
});

describe('E.metastability', () => {
  const groups = randomGroups(stream(0), 0);
  const barrier = 1 - Math.cos(groups.angles[1]);
  const exponents = [6, 7.5, 9, 10.5, 12, 13.5];
  const judge = (timeOf: typeof meetingTime, betas = exponents.map((one) => one / barrier)) =>
    verdict(metastabilityConclusion([measureMetastability(groups, betas, timeOf)]));
  it('holds for the right integral', () => expect(judge(meetingTime)).toBe('holds'));
  it.each<[string, typeof meetingTime]>([
    [
      'one group that moves and one that does not',
      (gap, sizes, beta) => {
        const { time, error } = meetingTime(gap, sizes, beta);
        return { time: 2 * time, error };
      },
    ],
    ['equal numbers of tokens', (gap, _, beta) => meetingTime(gap, [1, 1], beta)],
    ['β of a hundredth more', (gap, sizes, beta) => meetingTime(gap, sizes, 1.01 * beta)],
    [
      'a chord in place of the angle',
      (gap, sizes, beta) => meetingTime(2 * Math.sin(gap / 2), sizes, beta),
    ],
  ])('notices %s', (_, timeOf) => expect(judge(timeOf)).toBe('fails'));
  it('notices that the slope is not φ₀²/2', () => {
    const record = measureMetastability(
      groups,
      exponents.map((one) => one / barrier),
    );
    const { measured } = record.slope;
    const wrong = { ...record, gap: Math.acos(1 - record.gap ** 2 / 2 / 0.9) };
    expect(measured / (1 - Math.cos(wrong.gap))).toBeLessThan(0.97);
    expect(verdict(metastabilityConclusion([wrong]))).toBe('fails');
  });
});

describe('E.leaders', () => {
  const flows = [0, 1, 2].map((index) => randomFollowers(stream(index)));
  const judge = (follow: typeof followHardmax) =>
    verdict(
      leadersConclusion(
        {},
        flows.map(({ A, tokens }) => measureLeaders(A, tokens, follow)),
      ),
    );
  it('holds for the right flow', () => expect(judge(followHardmax)).toBe('holds'));
  const half: typeof followHardmax = (A, tokens, options) => {
    const flow = followHardmax(A, tokens, options);
    const stages = flow.stages.map(({ from, to, targets }) => ({
      targets,
      from: from / 2,
      to: to / 2,
    }));
    return { ...flow, stages };
  };
  const repelled = (A: Matrix, tokens: Tokens, options?: Parameters<typeof followHardmax>[2]) =>
    followHardmax(scale(-1, A), tokens, { ...options, most: 20 });
  const shifted: typeof followHardmax = (A, tokens, options) => {
    const flow = followHardmax(A, tokens, options);
    const states = flow.states.map((x, k) =>
      x.map((row) => row.map((entry) => entry * (1 + 1e-6 * k))),
    );
    return { ...flow, states };
  };
  it.each<[string, typeof followHardmax]>([
    ['time that runs twice as fast', half],
    ['the smallest score in place of the largest', repelled],
    ['leaders that drift', shifted],
  ])('notices %s', (_, follow) => expect(judge(follow)).not.toBe('holds'));
  it('says nothing about an A that is not positive', () => {
    const { tokens } = flows[0];
    const rows = tokens[0].map((_, i) =>
      tokens[0].map((_, j) => (i === j ? (i === 0 ? 1 : -1) : 0)),
    );
    const record = measureLeaders(fromRows(rows), tokens.slice(0, 6));
    expect(verdict(leadersConclusion({ A: rows }, [record]))).toBe('outside');
  });
});

describe('E.polytope', () => {
  const flows = [0, 1, 2].map((index) => randomFollowers(stream(index)));
  const judge = (velocity: typeof rescaledVelocity) =>
    verdict(
      polytopeConclusion(
        {},
        flows.map(({ A, tokens }) => measurePolytope(A, tokens, 6, stream(9), velocity)),
      ),
    );
  it('holds for the right equation', () => expect(judge(rescaledVelocity)).toBe('holds'));
  it.each<[string, typeof rescaledVelocity]>([
    ['scores that stay', (A, n, _, z, out) => rescaledVelocity(A, n, -1, z, out)],
    ['scores of the wrong sign', (A, ...rest) => rescaledVelocity(scale(-1, A), ...rest)],
    [
      'coordinates that are not rescaled',
      (A, n, t, z, out) => {
        rescaledVelocity(A, n, t, z, out);
        for (let i = 0; i < n * A.rows; i++) out[i] += 0.01 * z[i];
      },
    ],
    [
      'half of the speed',
      (A, n, t, z, out) => {
        rescaledVelocity(A, n, t, z, out);
        for (let i = 0; i < n * A.rows; i++) out[i] /= 2;
      },
    ],
  ])('notices %s', (_, velocity) => expect(judge(velocity)).not.toBe('holds'));
});
