import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Backend } from '../../../kernels/backend.ts';
import { createWasmBackend } from '../../../kernels/wasm/backend.ts';
import { randomStream } from '../../../numeric/random.ts';
import type { LabelledImages } from '../../../task/images/index.ts';
import { continuedResult, resultOf, titlesOf } from '../../test-support.ts';
import { digitsStudy } from './digits.ts';

let backend: Backend;
beforeAll(async () => {
  backend = await createWasmBackend({ threads: 1 });
});
afterAll(() => backend.dispose());

/** A bright bar, lying or standing, at one of four places: no linear function of the pixels tells them apart well. */
function bars(count: number): LabelledImages {
  const stream = randomStream(1, 'bars');
  const pixels = stream.uniforms(new Float64Array(count * 64)).map((x) => 0.1 * x);
  const labels = Int32Array.from({ length: count }, (_, i) => i % 2);
  labels.forEach((label, s) => {
    const at = stream.integer(8);
    for (let i = 0; i < 8; i++) pixels[s * 64 + (label === 0 ? 8 * at + i : 8 * i + at)] += 1;
  });
  return { width: 8, height: 8, pixels, labels };
}

const small = {
  classes: 2,
  split: { training: 160, validation: 40, heldOut: 60 },
  patch: 4,
  dimension: 8,
  heads: 1,
  keyDimension: 4,
  hidden: 8,
  batch: 16,
  stages: [
    { layers: 1, steps: 60 },
    { layers: 2, steps: 30 },
  ],
  linear: [0.01, 0.001],
  race: {
    seeds: 2,
    stages: [
      { layers: 2, steps: 20 },
      { layers: 4, steps: 10 },
    ],
    reportEvery: 5,
    validation: 20,
    coarsening: { layers: [2, 1], steps: 5 },
  },
};

function run(configuration: object, from: LabelledImages = bars(260)) {
  return resultOf(digitsStudy, configuration, { backend, images: async () => from });
}

it('trains, judges, races and certifies; continued it comes to the same model', async () => {
  const whole = await run(small);
  const host = { backend, images: async () => bars(260) };
  // In the second training, after the judged model is done.
  const continued = await continuedResult(digitsStudy, small, host, 6);
  expect(whole.status.kind).toBe('completed');
  expect(continued.arrays['parameters.2']).toEqual(whole.arrays['parameters.2']);
  const losses = (result: typeof whole) =>
    Array.from(result.arrays['race.2.refined'].data).filter((_, i) => i % 6 === 5);
  expect(losses(continued)).toEqual(losses(whole));
  expect(continued.headline['held-out accuracy']).toBe(whole.headline['held-out accuracy']);
  expect(whole.claims.map(({ claim }) => claim.id)).toEqual([
    'A.euler-order',
    'A.costate-order',
    'A.terminal-costate',
    'A.gradient',
    'A.hamiltonian',
  ]);
  const titles = titlesOf(whole);
  expect(titles).toContain('Held-out digits');
  expect(titles).toContain('Depth refinement against a random start, L = 4');
  expect(titles).toContain('A model of 4 layers on fewer layers');
  const certificate = whole.sections.find((one) =>
    /Certificate/.test('title' in one ? one.title : ''),
  );
  expect(certificate).toMatchObject({ columns: ['quantity', 'L = 1', 'L = 2'] });
}, 60_000);

it('reports a class of the held-out part that training never saw', async () => {
  const images = bars(260);
  images.labels[7] = 2;
  let unseen = '';
  for (let seed = 1; seed < 20 && unseen === ''; seed++) {
    const { sections } = await run(
      {
        ...small,
        seed,
        classes: 3,
        split: { training: 16, validation: 16, heldOut: 228 },
        batch: 8,
        race: { seeds: 0 },
        stages: [{ layers: 1, steps: 1 }],
      },
      images,
    );
    for (const section of sections) {
      if (section.kind === 'table' && section.note?.includes('never sees')) unseen = section.note;
    }
  }
  expect(unseen).toContain('Training never sees class 2');
}, 60_000);

it('refuses labels outside the classes before any work', async () => {
  await expect(run({ ...small, classes: 3 })).rejects.toThrow('class 2 has none');
  const images = bars(260);
  images.labels[0] = 5;
  await expect(run(small, images)).rejects.toThrow('labels[0]: received 5');
});

it('refuses a batch larger than the training part', async () => {
  await expect(run({ ...small, batch: 161 })).rejects.toThrow('at most 160');
});

it('refuses depths that do not double', () => {
  const stages = [
    { layers: 2, steps: 1 },
    { layers: 6, steps: 1 },
  ];
  expect(() => digitsStudy.schema.parse({ stages })).toThrow('twice');
});
