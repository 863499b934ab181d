import { expect, it } from 'vitest';
import { fuzzInputs } from '../../packages/cli/src/input/fuzz.fixture.ts';

const cases = Number(process.env.FUZZ_CASES ?? 3500);
const seed = Number(process.env.FUZZ_SEED ?? 1);

it(`ends in a sentence for ${cases} broken files of seed ${seed}`, async () => {
  const report = await fuzzInputs(seed, cases);
  const { faults, ...figures } = report;
  console.log(JSON.stringify(figures, null, 2));
  expect(faults).toEqual([]);
});
