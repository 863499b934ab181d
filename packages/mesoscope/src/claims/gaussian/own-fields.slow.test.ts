import { afterAll, describe, expect, it } from 'vitest';
import { MesoscopeError } from '../../errors.ts';
import type { Claim } from '../claim.ts';
import { edgesOf, faultsOf, fieldsOf } from '../own-fields.fixture.ts';
import { runClaim } from '../run.ts';
import { gaussianClaims } from './index.ts';
import { backend } from './test-support.ts';

/** Every own field changed alone to its edges: the right verdict, or a refusal with a sentence, and never what is no number. */

afterAll(() => backend.dispose());

/** The own experiments of each claim, as small as they tell anything. */
const small: Readonly<Record<string, object>> = {
  'C.invariance': { layers: 3, tokens: [16, 32, 64, 128], samples: 2 },
  'C.rank': { controls: 3 },
  'C.reachability': { pairs: 1, tokens: [16, 32], samples: 1 },
  'C.stability': { layers: 2, sufficientLayers: 2 },
  'C.blow-up': { layers: 4 },
  'C.finite-n': { tokens: [16, 32] },
  'C.variants': { layers: 4, tokens: [8, 16, 32, 64], samples: 2 },
  'C.clustering': { draws: 4 },
  'C.assignment': {},
  'C.practice': {
    shapes: [{ name: 'small', layers: 4, dimension: 8, heads: 2, hidden: 8 }],
    repetitions: 1,
    tokens: 16,
  },
};

const shapes = [
  [{ name: 'least', layers: 1, dimension: 1, heads: 1, hidden: 1 }],
  [{ name: 'a head each', layers: 2, dimension: 8, heads: 8, hidden: 1 }],
];

describe.each((gaussianClaims as readonly Claim[]).map((claim) => [claim.id, claim] as const))(
  '%s',
  (id, claim) => {
    const defaults = claim.given.parse(small[id], 'quick') as Readonly<Record<string, unknown>>;

    it.each(fieldsOf(claim.given))('%s', { timeout: 300_000 }, async (name, field) => {
      const values = name === 'shapes' ? shapes : edgesOf(field, defaults[name]);
      for (const value of values) {
        const instance = { ...small[id], [name]: value };
        try {
          const { finding } = await runClaim({ claim, instance }, { backend });
          expect(faultsOf(finding), JSON.stringify(value)).toEqual([]);
        } catch (cause) {
          if (!(cause instanceof MesoscopeError)) throw cause;
          expect(cause.message, JSON.stringify(value)).toMatch(name);
        }
      }
    });
  },
);
