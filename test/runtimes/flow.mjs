// Imports the library as published, runs the conformance cases of the kernels, and simulates a causal attention flow on
// both backends: failures and last states, as JSON on standard output. Run by `runtimes.mjs` under each runtime, with the
// number of threads. The flow's instance is rational, since engines differ in the last bit of their sines.
import {
  attention,
  createReferenceBackend,
  createWasmBackend,
  parametersFromMatrices,
  simulate,
} from 'mesoscope';
import { conformanceCases } from 'mesoscope/kernels';

/** Rows whose entries run through seven values around 0. */
const matrix = (rows, columns, shift) =>
  Array.from({ length: rows }, (_, i) =>
    Array.from({ length: columns }, (_, j) => ((3 * i + 5 * j + shift) % 7) / 4 - 0.75),
  );
const field = attention({ dimension: 4, heads: 2, keyDimension: 2, causal: true });
const parameters = parametersFromMatrices(field, {
  Q: [matrix(2, 4, 0), matrix(2, 4, 1)],
  K: [matrix(2, 4, 2), matrix(2, 4, 3)],
  V: [matrix(4, 4, 4), matrix(4, 4, 5)],
});
const tokens = matrix(6, 4, 6);

const wasm = await createWasmBackend({
  build: 'strict',
  threads: Number(process.argv[2]),
  heapMegabytes: 256,
});
const results = [createReferenceBackend(), wasm].map((backend) => {
  const { status, states } = simulate(backend, { field, parameters, tokens, horizon: 1 });
  return { status: status.kind, states: states.at(-1).flat() };
});
const unmet = conformanceCases().flatMap(({ name, run }) => {
  const { deviation, tolerance } = run(wasm);
  return deviation <= tolerance ? [] : [name];
});
wasm.dispose();
console.log(JSON.stringify({ threads: wasm.threads, unmet, results }));
