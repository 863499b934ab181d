import { afterAll, describe, expect, it } from 'vitest';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { randomStream } from '../../numeric/random.ts';
import type { Claim } from '../claim.ts';
import { dataSource } from '../data-source.ts';
import { runClaim } from '../run.ts';
import { hamiltonian } from './hamiltonian.ts';
import {
  initialisation,
  initialisationConclusion,
  type ProlongationRecord,
} from './initialisation.ts';
import { recovery } from './recovery.ts';
import { regularity } from './regularity.ts';
import { valueGap } from './value-gap.ts';

/** Slow tests of the claims about optimal controls. */

const backend = await createWasmBackend({ threads: 1 });
const data = dataSource({});
afterAll(() => backend.dispose());

async function find(claim: Claim, instance: unknown, seed = 1) {
  return (await runClaim({ claim, instance }, { backend, seed })).finding;
}

/** Sequences of three tokens in R² of three classes. */
function explicit(seed: number, samples: number) {
  const random = randomStream(seed, 'explicit sequences');
  const draw = (rows: number) =>
    Array.from({ length: rows }, () => [random.normal(), random.normal()]);
  return {
    h0: Array.from({ length: samples }, () => draw(3)),
    labels: Array.from({ length: samples }, (_, s) => s % 3),
    U: draw(3),
  };
}

describe('weakly regularised problems are never contradicted', () => {
  it.each([valueGap, regularity, hamiltonian, recovery] as Claim[])(
    '$id',
    async (claim) => {
      for (const samples of [1, 4]) {
        for (let seed = 1; seed <= 3; seed++) {
          for (const regularisation of [0.02, 0.1, 0.5]) {
            const finding = await find(claim, { ...explicit(seed, samples), regularisation }, seed);
            expect(finding.verdict, finding.summary).not.toBe('fails');
          }
        }
      }
    },
    1_200_000,
  );

  it('A.regularity of duplicates', async () => {
    const { h0, labels, U } = explicit(1, 2);
    const twice = { h0: [...h0, ...h0], labels: [...labels, ...labels], U, regularisation: 0.02 };
    expect((await find(regularity, twice)).verdict).not.toBe('fails');
  }, 600_000);
});

/**
 * The orders of these claims have no sampling interval: theirs bounds an extrapolation. The order that each approaches is
 * known (−1, −1, −1, −2), so that the share of problems whose interval contains it can be counted.
 */
describe('extrapolated orders contain the order that is known', () => {
  it.each([
    [valueGap, -1],
    [regularity, -1],
    [hamiltonian, -1],
    [recovery, -2],
  ] as [Claim, number][])(
    '%#',
    async (claim, order) => {
      const own = { [regularity.id]: { contrasts: 1 }, [hamiltonian.id]: { smoothProblems: 1 } };
      let contained = 0;
      let decided = 0;
      for (let seed = 1; seed <= 200; seed++) {
        const instance = { problems: 2, ...own[claim.id] };
        const [check] = (await find(claim, instance, seed)).checks;
        if (check.interval === null) continue;
        decided++;
        if (check.interval[0] <= order && order <= check.interval[1]) contained++;
      }
      console.log(`${claim.id}: ${contained} of ${decided} intervals contain ${order}`);
      expect(decided).toBeGreaterThan(190);
      expect(contained / decided).toBeGreaterThan(0.9);
    },
    1_800_000,
  );
});

/** Savings are geometric means over problems: Student's t of 8 logarithms, at 97.5 % each for two at once. */
it('A.initialisation: the mean saving over many problems lies in 97.5 % of the intervals', async () => {
  const { given } = initialisation;
  const instance = given.parse({ problems: 1600 }, 'quick');
  const records: ProlongationRecord[] = [];
  for (let index = 0; index < given.pieces(instance); index++) {
    const context = { backend, data, given: instance, seed: 1, index, progress: () => undefined };
    records.push(await backend.scopedAsync(async () => initialisation.measure(context)));
  }
  const conclude = (some: readonly ProlongationRecord[]) =>
    initialisationConclusion(some, instance).checks.slice(2);
  const truth = conclude(records).map(({ measured }) => measured);
  for (const [which, value] of truth.entries()) {
    let contained = 0;
    for (let group = 0; group < 200; group++) {
      const { interval } = conclude(records.slice(8 * group, 8 * (group + 1)))[which];
      if (interval !== null && interval[0] <= value && value <= interval[1]) contained++;
    }
    console.log(
      `A.initialisation, saving ${which + 1}: ${contained} of 200 intervals contain ${value}`,
    );
    expect(contained).toBeGreaterThanOrEqual(185);
  }
}, 1_800_000);
