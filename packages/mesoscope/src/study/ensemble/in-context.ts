import { meanInterval } from '../../numeric/fit.ts';
import { randomStream } from '../../numeric/random.ts';
import type { Section, StudyResult } from '../study.ts';
import type { EnsembleTask } from './problems.ts';

const pairsOfTask = 16;
/** Standard deviation of the noise in y. */
const noise = 0.2;
const trainingTasks = 128;
const heldOutTasks = 400;

/** One regression: pairs (x, y) with `y = a x + noise`, a query x and its value a x. */
interface RegressionTask {
  readonly pairs: readonly (readonly [x: number, y: number])[];
  readonly query: number;
  readonly value: number;
}

/** Linear tasks with normal slope, inputs and query. */
function regressionTasks(seed: number, purpose: string, count: number): RegressionTask[] {
  const stream = randomStream(seed, purpose);
  return Array.from({ length: count }, () => {
    const slope = stream.normal();
    const pairs = Array.from({ length: pairsOfTask }, () => {
      const x = stream.normal();
      return [x, slope * x + noise * stream.normal()] as const;
    });
    const query = stream.normal();
    return { pairs, query, value: slope * query };
  });
}

/** A context holds the pairs, the token is (query, 0), the target (query, value). */
function asTask(tasks: readonly RegressionTask[]): EnsembleTask {
  return {
    contexts: tasks.map(({ pairs }) => ({ points: pairs.map((pair) => [...pair]) })),
    tokens: tasks.map(({ query }) => [query, 0]),
    targets: tasks.map(({ query, value }) => [query, value]),
  };
}

/** What is trained on: in-context linear regression. */
export function linearRegression(seed: number): EnsembleTask {
  return asTask(regressionTasks(seed, 'in-context linear regression', trainingTasks));
}

type Predictor = (task: RegressionTask) => number;

/** `Σ_j x_j y_j` and `Σ_j x_j²`. */
function moments({ pairs }: RegressionTask) {
  return {
    xy: pairs.reduce((sum, [x, y]) => sum + x * y, 0),
    xx: pairs.reduce((sum, [x]) => sum + x * x, 0),
  };
}

/** `ŷ = x Σxy/Σx²`. */
const leastSquares: Predictor = (task) => (task.query * moments(task).xy) / moments(task).xx;

/** The best of all predictors: the mean of `a x` given the pairs, for a normal slope and known noise. */
const posteriorMean: Predictor = (task) =>
  (task.query * moments(task).xy) / (moments(task).xx + noise * noise);

/** One step of gradient descent on the pairs' mean square error from slope 0: `ŷ = η x Σxy/n`. */
const oneStep = (rate: number): Predictor => {
  return (task) => (rate * task.query * moments(task).xy) / pairsOfTask;
};

/** The rate η with the smallest square error on the tasks. */
function bestRate(tasks: readonly RegressionTask[]): number {
  const unit = tasks.map(oneStep(1));
  const product = unit.reduce((sum, y, i) => sum + y * tasks[i].value, 0);
  return product / unit.reduce((sum, y) => sum + y * y, 0);
}

/**
 * What the trained network does on tasks that it never saw, beside least squares, the posterior mean and one step of
 * gradient descent.
 *
 * @param predict the final tokens of a task's inputs, N × 2
 */
export function heldOutReport(
  seed: number,
  predict: (task: EnsembleTask) => Float64Array,
): Pick<StudyResult, 'headline' | 'arrays'> & { readonly sections: readonly Section[] } {
  const training = regressionTasks(seed, 'in-context linear regression', trainingTasks);
  const heldOut = regressionTasks(seed, 'held-out linear regression', heldOutTasks);
  const rate = bestRate(training);
  const values = (tasks: readonly RegressionTask[]) => {
    const finals = predict(asTask(tasks));
    return tasks.map((_, i) => finals[2 * i + 1]);
  };
  const predictors: readonly (readonly [string, (tasks: readonly RegressionTask[]) => number[]])[] =
    [
      ['trained network', values],
      [
        `one step of gradient descent, rate ${rate.toPrecision(3)}`,
        (tasks) => tasks.map(oneStep(rate)),
      ],
      ['least squares', (tasks) => tasks.map(leastSquares)],
      ['posterior mean (the best possible)', (tasks) => tasks.map(posteriorMean)],
      ['zero', (tasks) => tasks.map(() => 0)],
    ];
  const learned = values(heldOut);
  const squares = (a: readonly number[], b: readonly number[]) => a.map((x, i) => (x - b[i]) ** 2);
  const mean = (x: readonly number[]) => {
    const { mean, interval } = meanInterval(x);
    if (mean === 0) return '0';
    return `${mean.toPrecision(3)} [${(interval ?? []).map((end) => end.toPrecision(3)).join(', ')}]`;
  };
  const truth = (tasks: readonly RegressionTask[]) => tasks.map(({ value }) => value);
  const rows = predictors.map(([name, of]) => [
    name,
    mean(squares(of(training), truth(training))),
    mean(squares(of(heldOut), truth(heldOut))),
    mean(squares(of(heldOut), learned)),
  ]);
  const error = (of: readonly number[]) => meanInterval(squares(of, truth(heldOut))).mean;
  const reference = truth(heldOut);
  const ends = [Math.min(...reference), Math.max(...reference)];
  return {
    headline: {
      'held-out error of the network': error(learned),
      'held-out error of one gradient step': error(heldOut.map(oneStep(rate))),
      'held-out error of least squares': error(heldOut.map(leastSquares)),
    },
    arrays: {
      'heldOut.learned': { shape: [heldOutTasks], data: Float64Array.from(learned) },
      'heldOut.values': { shape: [heldOutTasks], data: Float64Array.from(reference) },
    },
    sections: [
      {
        kind: 'table',
        title: 'What was learned, on tasks never seen',
        columns: [
          'predictor of the value a x',
          'mean square error, training tasks',
          'mean square error, held-out tasks',
          'mean square distance to the network, held-out',
        ],
        rows,
        note: `${trainingTasks} training and ${heldOutTasks} held-out tasks y = a x + noise of deviation ${noise}, ${pairsOfTask} pairs each; 95 % intervals over tasks. The rate of the gradient step is the best one on the training tasks.`,
      },
      {
        kind: 'figure',
        figure: {
          id: 'held-out',
          title: 'Predictions on held-out tasks',
          caption: 'Predicted over true value of the query. Dashed: a perfect prediction.',
          x: { label: 'value a x of the query' },
          y: { label: 'prediction' },
          marks: [
            { kind: 'dots', series: 'trained network', x: reference, y: learned },
            {
              kind: 'dots',
              series: 'one gradient step',
              x: reference,
              y: heldOut.map(oneStep(rate)),
            },
            { kind: 'dots', series: 'least squares', x: reference, y: heldOut.map(leastSquares) },
            { kind: 'reference', label: 'exact', x: ends, y: ends },
          ],
        },
      },
    ],
  };
}
