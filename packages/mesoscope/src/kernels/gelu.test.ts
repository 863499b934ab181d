import { afterAll, describe, expect, test } from 'vitest';
import type { Backend } from './backend.ts';
import { ProgramBuilder, stateLength } from './program.ts';
import { createReferenceBackend } from './reference/backend.ts';
import { createWasmBackend } from './wasm/backend.ts';

/** `y`, `yΦ(y)` and its derivative `Φ(y) + yφ(y)`, from mpmath 1.3 with 40 digits. */
const table: readonly (readonly [number, number, number])[] = [
  [-37.5, -1.7270073785932332e-306, -6.476271143055812e-305],
  [-20, -5.507248237212468e-88, -1.1014360483133464e-86],
  [-12.25, -1.0289750177950936e-33, -1.2603860032218894e-32],
  [-8, -4.976768459417427e-15, -3.979607261086796e-14],
  [-6.5, -2.6104003795084267e-10, -1.6950517937572625e-9],
  [-5, -1.4332578593959695e-6, -7.146946001792295e-6],
  [-4.125, -7.646404361558322e-5, -0.0003136926124456238],
  [-3, -0.0040496940948902835, -0.011945647204183927],
  [-2.5, -0.015524163314440337, -0.03761108590814521],
  [-2.4375, -0.018024354832771698, -0.04245878521027396],
  [-1.75, -0.07010352451167991, -0.11092615108257806],
  [-1, -0.15865525393145705, -0.0833154705876863],
  [-0.5, -0.15426876936299344, 0.13250487534383715],
  [-0.0625, -0.029692645685672047, 0.45019708992782237],
  [0.0009765625, 0.0004886617109460747, 0.5007791838937131],
  [0.25, 0.14967658142073093, 0.695373354883636],
  [0.75, 0.5800294857173488, 0.9992257217392351],
  [1, 0.8413447460685429, 1.0833154705876864],
  [1.5, 1.399789198096713, 1.1274691922299795],
  [2, 1.9544997361036416, 1.085231801078197],
  [2.5, 2.4844758366855597, 1.037611085908145],
  [3.125, 3.1222217959402863, 1.0085555310608876],
  [4, 3.9998733150326675, 1.0005036496612265],
  [5.5, 5.499999895557407, 1.00000057334724],
  [8.25, 8.25, 1.0000000000000053],
  [12, 12.0, 1.0],
];

/** gelu and its derivative on a backend. */
function evaluate(backend: Backend, ys: readonly number[]): { value: number[]; slope: number[] } {
  const n = ys.length;
  const b = new ProgramBuilder();
  const x = b.state('sample', 'x', 1, n);
  b.copy(b.activate('gelu', x), b.state('sample', 'value', 1, n));
  const p = b.scratch(1, n);
  b.fill(p, 1);
  const g = b.state('sample', 'slope', 1, n);
  b.emit({ op: 'activationPullback', kind: 'gelu', x, p, g, accumulate: false });
  return backend.scoped(() => {
    const allocate = () => backend.allocate(stateLength(1, n));
    const buffers = { x: allocate(), value: allocate(), slope: allocate() };
    buffers.x.set(ys);
    backend.compile(b.program())({ samples: 1, buffers });
    return { value: [...buffers.value.slice(0, n)], slope: [...buffers.slope.slice(0, n)] };
  });
}

const backends = {
  reference: createReferenceBackend(),
  strict: await createWasmBackend({ build: 'strict' }),
  relaxed: await createWasmBackend(),
};
afterAll(() => {
  for (const backend of Object.values(backends)) backend.dispose();
});

describe.each(Object.entries(backends))('gelu on %s', (_, backend) => {
  const { value, slope } = evaluate(
    backend,
    table.map(([y]) => y),
  );

  // Φ(y) = ½ erfc(−y/√2): the error of erf is twice that of Φ.
  test('erf is right to 1e-15', () => {
    table.forEach(([y, exact, derivative], i) => {
      expect(2 * Math.abs(value[i] - exact)).toBeLessThanOrEqual(1e-15 * Math.abs(y));
      expect(Math.abs(slope[i] - derivative)).toBeLessThanOrEqual(1e-15 * (1 + Math.abs(y)));
    });
  });
});

// The fast kernels' polynomial is fitted to the absolute error alone.
test('the reference keeps its digits in the lower tail', () => {
  const { value, slope } = evaluate(
    backends.reference,
    table.map(([y]) => y),
  );
  table.forEach(([y, exact, derivative], i) => {
    if (y > -3 || y < -20) return;
    // Rounding y²/2 costs y²/2 units in the last place.
    const tolerance = (4 + y * y) * 2 ** -52;
    expect(Math.abs(value[i] / exact - 1)).toBeLessThan(tolerance);
    expect(Math.abs(slope[i] / derivative - 1)).toBeLessThan(2 * tolerance);
  });
});
