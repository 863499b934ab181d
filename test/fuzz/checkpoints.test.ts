import { expect, it } from 'vitest';
import { fuzzCheckpoints } from '../../packages/cli/src/input/checkpoint-fuzz.fixture.ts';

const cases = Number(process.env.FUZZ_CASES ?? 4000);
const seed = Number(process.env.FUZZ_SEED ?? 1);

it(`ends in a sentence for ${cases} broken checkpoints of seed ${seed}`, async () => {
  const { faults, accepted } = await fuzzCheckpoints(seed, cases);
  console.log(`${accepted} of ${cases} were read all the same`);
  expect(faults).toEqual([]);
});
