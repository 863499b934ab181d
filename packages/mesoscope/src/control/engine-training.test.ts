import { afterAll, expect, it } from 'vitest';
import { transformerBlock } from '../field/transformer-block.ts';
import { uniformGrid } from '../flow/grid.ts';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { randomStream } from '../numeric/random.ts';
import type { Batch } from './batch.ts';
import { createControlProblem, createProblemEngine } from './create-problem.ts';
import { initialParameters, type ParameterPart } from './parameters.ts';
import type { ControlProblem } from './problem.ts';
import { constantRate } from './solvers/schedule.ts';
import { trainFlow } from './training.ts';

const backend = await createWasmBackend();
afterAll(() => backend.dispose());
const field = transformerBlock({ dimension: 4, heads: 2, keyDimension: 2, hidden: 5 });

function problemOn(layers: number, frozen: readonly ParameterPart[] = []): ControlProblem {
  return createControlProblem(backend, {
    field,
    grid: uniformGrid(1, layers),
    tokens: 4,
    samples: 4,
    classes: 5,
    vocabulary: 5,
    regularisation: 0.1,
    smoothness: 0.2,
    checkpoints: 'sqrt',
    frozen,
  });
}

function draw(seed: number, step: number): Batch {
  const stream = randomStream(seed, 'drawn', step);
  const integers = () => Array.from({ length: 16 }, () => stream.integer(5));
  return { samples: 4, tokens: integers(), labels: integers() };
}

it.each([[[]], [['readout', 'positions']], [['controls', 'embedding']]] as const)(
  'the gradient by an engine is the gradient, bit for bit, with %j frozen',
  async (frozen) => {
    const problem = problemOn(5, frozen);
    const parameters = backend.allocate(problem.layout.length);
    parameters.set(initialParameters(field, problem.layout, 2));
    const [direct, byEngine] = [0, 1].map(() => backend.allocate(problem.layout.length).fill(7));
    const evaluation = problem.gradient(parameters, draw(1, 0), direct);
    const found = await problem.gradientBy(
      createProblemEngine(problem),
      parameters,
      draw(1, 0),
      byEngine,
    );
    expect(found).toEqual(evaluation);
    expect(byEngine.slice()).toEqual(direct.slice());
  },
);

it('a flow that diverges has no value and no gradient', async () => {
  const problem = problemOn(5);
  const parameters = backend.allocate(problem.layout.length).fill(1e9);
  const [direct, byEngine] = [0, 1].map(() => backend.allocate(problem.layout.length).fill(7));
  const evaluation = problem.gradient(parameters, draw(1, 0), direct);
  expect(evaluation.flow.kind).toBe('diverged');
  expect(
    await problem.gradientBy(createProblemEngine(problem), parameters, draw(1, 0), byEngine),
  ).toEqual(evaluation);
  expect(byEngine.slice()).toEqual(direct.slice());
});

it('training by an engine is training, bit for bit', async () => {
  const subject = {
    batch: 4,
    problem: (layers: number) => problemOn(layers),
    draw,
    validate: () => 0,
  };
  const schedule = {
    seed: 3,
    stages: [
      { layers: 2, steps: 6 },
      { layers: 4, steps: 6 },
    ],
    reportEvery: 3,
    rate: constantRate({ rate: 0.05 }),
  };
  const direct = await trainFlow(backend, subject, schedule);
  const byEngine = await trainFlow(backend, subject, schedule, { engine: createProblemEngine });
  expect(byEngine.status).toEqual(direct.status);
  expect(byEngine.refinement).toEqual(direct.refinement);
  const losses = (records: typeof direct.records) => records.map(({ loss }) => loss);
  expect(losses(byEngine.records)).toEqual(losses(direct.records));
});
