import { solveOde } from '../flow/ode.ts';
import {
  add,
  fromRows,
  identity,
  type Matrix,
  multiply,
  multiplyVector,
  transpose,
} from '../numeric/matrix.ts';
import type { RandomStream } from '../numeric/random.ts';
import { dot, norm } from '../numeric/vector.ts';
import type { Tokens } from './tokens.ts';

/** A time between two changes of who follows whom. */
export interface HardmaxStage {
  readonly from: number;
  readonly to: number;
  /** Whom each token follows: itself, for a leader. */
  readonly targets: readonly number[];
}

/** Tokens under hardmax attention, as long as somebody changes whom to follow, and a while after. */
export interface HardmaxFlow {
  readonly stages: readonly HardmaxStage[];
  /** At the beginning of each stage, and at the end of the last. */
  readonly states: readonly Tokens[];
  readonly completed: boolean;
}

/** Whom each token follows: the token y of the largest `⟨Ax, y⟩`; itself where it is among the largest. */
export function hardmaxTargets(A: Matrix, tokens: Tokens): number[] {
  return tokens.map((x, i) => {
    const Ax = multiplyVector(A, x);
    const scores = tokens.map((y) => dot(Ax, y));
    const most = Math.max(...scores);
    return scores[i] === most ? i : scores.indexOf(most);
  });
}

/**
 * `ẋ_i = x_{σ(i)} − x_i`, `σ(i) = argmax_j ⟨Ax_i, x_j⟩`, A symmetric positive definite: hardmax attention, the limit β → ∞ (in discrete
 * time: arXiv 2407.01602). Driven by events: between changes of σ the flow is linear and is integrated to tight tolerance; a change is
 * where `max_j ⟨Ax_i, x_j − x_σ(i)⟩` reaches 0. Following j from there lets `⟨Ax_i, x_j − x_σ(i)⟩` grow faster than following σ(i) did, by
 * `⟨A(x_j − x_σ(i)), x_j − x_σ(i)⟩ > 0`, so that nobody hesitates between two.
 *
 * @param options.rest - how long the flow goes on after the last change; it is the last where none comes within that time. Default 30
 * @param options.most - the most changes; default 1000
 */
export function followHardmax(
  A: Matrix,
  start: Tokens,
  { rest = 30, most = 1000, relativeTolerance = 1e-11 } = {},
): HardmaxFlow {
  const d = start[0].length;
  const n = start.length;
  const rowsOf = (y: ArrayLike<number>): number[][] =>
    start.map((_, i) => Array.from({ length: d }, (_, a) => y[i * d + a]));
  const stages: HardmaxStage[] = [];
  const states: Tokens[] = [start.map((x) => [...x])];
  let targets = hardmaxTargets(A, start);
  let time = 0;
  while (stages.length <= most) {
    const follow = targets;
    const flow = solveOde(
      (_, y, out) => {
        for (let i = 0; i < n; i++) {
          for (let a = 0; a < d; a++) out[i * d + a] = y[follow[i] * d + a] - y[i * d + a];
        }
      },
      {
        ...{ initial: states[states.length - 1].flat(), to: rest, dense: false },
        ...{ relativeTolerance, absoluteTolerance: 1e-14 },
        events: follow.flatMap((target, i) =>
          target === i
            ? []
            : [
                {
                  name: String(i),
                  value: (_: number, y: ArrayLike<number>) => lead(A, rowsOf(y), i, target),
                },
              ],
        ),
      },
    );
    stages.push({ from: time, to: time + flow.time, targets });
    const state = rowsOf(flow.state);
    states.push(state);
    time += flow.time;
    if (flow.status.kind === 'completed') return { stages, states, completed: true };
    if (flow.status.kind !== 'event') break;
    const i = Number(flow.status.name);
    targets = follow.map((target, one) => (one === i ? best(A, state, i, target) : target));
  }
  return { stages, states, completed: false };
}

/** By how much the best other token is ahead of the one that token i follows. */
function lead(A: Matrix, tokens: Tokens, i: number, target: number): number {
  const Ax = multiplyVector(A, tokens[i]);
  const followed = dot(Ax, tokens[target]);
  return tokens.reduce(
    (most, y, j) => (j === target ? most : Math.max(most, dot(Ax, y) - followed)),
    Number.NEGATIVE_INFINITY,
  );
}

/** The best token for i besides the one that it follows. */
function best(A: Matrix, tokens: Tokens, i: number, target: number): number {
  const Ax = multiplyVector(A, tokens[i]);
  const scores = tokens.map((y, j) => (j === target ? Number.NEGATIVE_INFINITY : dot(Ax, y)));
  return scores.indexOf(Math.max(...scores));
}

/** What a hardmax flow ends in. */
export interface LeaderRecord {
  readonly tokens: number;
  readonly leaders: readonly number[];
  /** Leaders of one stage that are none of the next. */
  readonly lost: number;
  /** Leaders that have moved by anything. */
  readonly movedLeaders: number;
  /** Tokens that follow no leader in the last stage. */
  readonly astray: number;
  readonly changes: number;
  /** When the last change was. */
  readonly settled: number;
  /** Distances of followers to their leaders at the end, beside `e^{−t}` times those at the last change. */
  readonly decay: readonly {
    readonly difference: number;
    readonly uncertainty: number;
    readonly scale: number;
  }[];
  readonly completed: boolean;
  readonly flow: HardmaxFlow;
}

/** Follows tokens and looks at their leaders. */
export function measureLeaders(A: Matrix, tokens: Tokens, follow = followHardmax): LeaderRecord {
  const rest = 8;
  const flow = follow(A, tokens, { rest });
  const rough = follow(A, tokens, { rest, relativeTolerance: 1e-9 });
  const roughEnd = rough.states[rough.states.length - 1];
  const { stages, states } = flow;
  const leadersOf = ({ targets }: HardmaxStage) => targets.flatMap((j, i) => (i === j ? [i] : []));
  const last = stages[stages.length - 1];
  const leaders = leadersOf(last);
  const [before, end] = [states[states.length - 2], states[states.length - 1]];
  const away = (x: Tokens, i: number) =>
    norm(x[i].map((entry, a) => entry - x[last.targets[i]][a]));
  const followers = last.targets.flatMap((j, i) => (i !== j && leaders.includes(j) ? [i] : []));
  const size = Math.max(...tokens.map(norm));
  return {
    tokens: tokens.length,
    leaders,
    lost: stages
      .slice(1)
      .reduce(
        (sum, stage, k) => sum + leadersOf(stages[k]).filter((i) => stage.targets[i] !== i).length,
        0,
      ),
    movedLeaders: leadersOf(stages[0]).filter((i) =>
      states.some((x) => x[i].some((entry, a) => entry !== tokens[i][a])),
    ).length,
    astray: tokens.length - leaders.length - followers.length,
    changes: stages.length - 1,
    settled: last.from,
    decay: followers.map((i) => {
      const expected = Math.exp(last.from - last.to) * away(before, i);
      return {
        difference: Math.abs(away(end, i) - expected),
        uncertainty: Math.abs(away(end, i) - away(roughEnd, i)) + 256 * Number.EPSILON * size,
        scale: expected,
      };
    }),
    completed: flow.completed && rough.completed && rough.stages.length === stages.length,
    flow,
  };
}

/** A random symmetric positive definite A and tokens, of which a few lead. */
export function randomFollowers(stream: RandomStream) {
  const d = 2 + stream.integer(2);
  const normals = (rows: number) =>
    Array.from({ length: rows }, () => Array.from(stream.normals(new Float64Array(d))));
  const half = fromRows(normals(d));
  const A = add(multiply(transpose(half), half), identity(d), 0.3);
  return { A, tokens: normals(12 + stream.integer(9)) };
}
