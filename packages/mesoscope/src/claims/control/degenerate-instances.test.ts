import { afterAll, describe, expect, it } from 'vitest';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import type { Claim } from '../claim.ts';
import { runClaim } from '../run.ts';
import type { Verdict } from '../verdict.ts';
import { costateOrder } from './costate-order.ts';
import { depthProfile } from './depth-profile.ts';
import { eulerOrder } from './euler-order.ts';
import { gradient } from './gradient.ts';
import { residualMixing } from './residual-mixing.ts';
import { sampling } from './sampling.ts';
import { uniform } from './uniform.ts';

/** Instances about which something is trivial end in the right verdict, with a sentence and without NaN. */

const backend = await createWasmBackend({ threads: 1 });
afterAll(() => backend.dispose());

type Row = readonly [name: string, change: object, verdict: Verdict, sentence?: RegExp];

function check(claims: readonly unknown[], base: object, rows: readonly Row[]) {
  describe.each(claims as Claim[])('$id', (claim) => {
    it.each(rows)('%s', async (_, change, verdict, sentence = /./) => {
      const instance = { ...base, ...change };
      const { finding } = await runClaim({ claim, instance }, { backend });
      expect(finding.verdict, finding.summary).toBe(verdict);
      expect(finding.summary).toMatch(sentence);
      expect(finding.summary).not.toMatch(/NaN|undefined|Infinity/);
      if (verdict !== 'outside') expect(JSON.stringify(finding.evidence)).not.toMatch(/null/);
    });
  });
}

const identity = [
  [1, 0],
  [0, 1],
];
const zero = [
  [0, 0],
  [0, 0],
];
const V = [
  [0.2, 0.8],
  [-0.6, 0.1],
];
const U = [
  [2, 0.5],
  [-1, 1.5],
];
const heads = (value: number[][]) => [{ Q: identity, K: identity, V: value }];
const layer = {
  h0: [
    [1, 0.2],
    [-0.3, 0.8],
    [0.4, -1],
  ],
  heads: heads(V),
  depths: [8, 16, 32, 64, 128],
};
const oneNumber = { h0: [[1], [0.5]], heads: [{ Q: [[1]], K: [[1]], V: [[1]] }] };
const constant = { heads: heads(zero), feedForward: { W: zero, b: [0.1, 0.3] } };

check([eulerOrder], layer, [
  ['V = 0', { heads: heads(zero) }, 'undecided', /does not move any token/],
  ['zero tokens', { h0: zero }, 'undecided', /does not move any token/],
  ['a constant field', constant, 'undecided', /constant speed/],
  ['a horizon of rounding', { horizon: 1e-12 }, 'undecided', /ten times clear/],
  [
    'a horizon past all numbers',
    {
      heads: heads([
        [60, 0],
        [0, 60],
      ]),
    },
    'outside',
    /diverged/,
  ],
  ['one token', { h0: [[1, 0.2]] }, 'holds'],
  [
    'equal tokens',
    {
      h0: [
        [1, 0.2],
        [1, 0.2],
      ],
    },
    'holds',
  ],
  ['tokens of one number', oneNumber, 'holds'],
]);

check([depthProfile], layer, [
  ['V = 0', { heads: heads(zero) }, 'undecided', /coincide/],
  ['zero tokens', { h0: zero }, 'undecided', /coincide/],
  ['a constant field', constant, 'undecided', /coincide/],
  ['a horizon of rounding', { horizon: 1e-12 }, 'undecided', /coincide/],
  [
    'equal tokens',
    {
      h0: [
        [1, 0.2],
        [1, 0.2],
      ],
    },
    'holds',
  ],
]);

check([costateOrder], { ...layer, U, labels: [0, 1, 1] }, [
  ['U = 0', { U: zero }, 'undecided', /every costate is 0/],
  ['one class', { U: [[1, 2]], labels: [0, 0, 0] }, 'undecided', /one class/],
  [
    'equal rows of U',
    {
      U: [
        [1, 2],
        [1, 2],
      ],
    },
    'undecided',
    /equal rows/,
  ],
  [
    'a softmax that has decided',
    {
      U: [
        [2e6, 0],
        [-1e6, 0],
      ],
    },
    'undecided',
    /has decided/,
  ],
  ['V = 0', { heads: heads(zero) }, 'undecided', /does not change over depth/],
  ['a constant field', constant, 'undecided', /does not change over depth/],
  ['a horizon of rounding', { horizon: 1e-17 }, 'undecided', /does not change over depth/],
  ['one token', { h0: [[1, 0.2]], labels: [0] }, 'holds'],
  [
    'zero tokens',
    {
      h0: [
        [0, 0],
        [0, 0],
        [0, 0],
      ],
      labels: [0, 0, 1],
    },
    'holds',
  ],
]);

const sequences = {
  h0: [
    [
      [1, 0],
      [0.5, -1],
    ],
    [
      [-1, 0.3],
      [0.2, 0.9],
    ],
  ],
  labels: [0, 1],
  U,
};
const noTokens = { h0: [zero, zero] };

check([gradient], { ...sequences, regularisation: 1 }, [
  ['U = 0', { U: zero }, 'undecided', /rows of U are equal/],
  ['one class', { U: [[1, 2]], labels: [0, 0] }, 'undecided', /rows of U are equal/],
  ['zero tokens', noTokens, 'undecided', /the same gradient/],
  ['zero tokens, λ = 0', { ...noTokens, regularisation: 0 }, 'undecided', /the same gradient/],
  ['one token', { h0: [[[1, 0]], [[-1, 0.3]]] }, 'holds'],
  [
    'tokens of one number',
    {
      h0: [
        [[1], [0.5]],
        [[-1], [0.2]],
      ],
      U: [[1], [-1]],
    },
    'holds',
  ],
  ['equal samples', { h0: [sequences.h0[0], sequences.h0[0]], labels: [0, 0] }, 'holds'],
  ['one layer', { layers: 1 }, 'holds'],
]);

check([sampling, uniform], sequences, [
  ['U = 0', { U: zero }, 'undecided', /the same loss/],
  ['one class', { U: [[1, 2]], labels: [0, 0] }, 'undecided', /the same loss/],
  ['one sample', { h0: [sequences.h0[0]], labels: [0] }, 'undecided', /the same loss/],
  [
    'equal samples',
    { h0: [sequences.h0[0], sequences.h0[0]], labels: [1, 1] },
    'undecided',
    /same/,
  ],
  ['zero tokens of one class', { ...noTokens, labels: [0, 0] }, 'undecided', /the same loss/],
  ['one token', { h0: sequences.h0.map(([token]) => [token]) }, 'holds'],
  [
    'tokens of one number',
    {
      h0: [
        [[1], [2]],
        [[0.5], [-1]],
      ],
      U: [[1], [-1]],
    },
    'holds',
  ],
]);

check([residualMixing], { sequences: 2 }, [
  ['one sequence', { sequences: 1 }, 'undecided', /two sequences or more/],
  ['a single iteration', { iterations: [1] }, 'undecided', /a thousandth of its size/],
  ['iterations that do not converge', { deviation: 50 }, 'undecided', /a thousandth/],
]);
