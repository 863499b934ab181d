import {
  createControlProblem,
  createWasmBackend,
  parametersFromMatrices,
  randomStream,
  simulate,
  uniformGrid,
} from 'mesoscope';
import { measureGradientAgreement } from 'mesoscope/control';
import { cosineAttention } from './cosine.js';

const backend = await createWasmBackend();
const field = cosineAttention({ dimension: 2, keyDimension: 2, scale: 4 });

/** The widest angle between two tokens, in degrees. @param {readonly (readonly number[])[]} tokens */
function widestAngle(tokens) {
  const directions = tokens.map(([x, y]) => Math.atan2(y, x));
  const apart = directions.flatMap((a) =>
    directions.map((b) => Math.acos(Math.min(1, Math.cos(a - b)))),
  );
  return (Math.max(...apart) * 180) / Math.PI;
}

// Scores see directions only, so that every token looks at those that it is aligned with; values still carry lengths.
const I = [
  [1, 0],
  [0, 1],
];
const parameters = parametersFromMatrices(field, { Q: [I], K: [I], V: [I] });
const tokens = [
  [100, 0],
  [0.01, 0.01],
  [0, 1],
];
const { status, times, states } = simulate(backend, { field, parameters, tokens, horizon: 2 });
for (const k of [0, 50, 100]) {
  console.log(`t = ${times[k]}: widest angle ${widestAngle(states[k]).toFixed(3)}°`);
}
console.log(status.kind);

// A loss at the end of four layers, its gradient three ways: discrete and continuous adjoint, finite differences.
const problem = createControlProblem(backend, {
  field,
  grid: uniformGrid(1, 4),
  tokens: 3,
  samples: 2,
  classes: 2,
});
const random = randomStream(1, 'own attention');
const normals = (/** @type {number} */ count) => Array.from({ length: count }, random.normal);
const controls = backend.allocate(problem.layout.length);
controls.set(normals(controls.length));
const batch = { samples: 2, states: normals(2 * 3 * 2), labels: [0, 1, 1, 0, 1, 0] };
const gradient = measureGradientAgreement(
  { problem, parameters: controls, batch },
  { samples: 2, seed: 1 },
);
console.log(`gradients ${gradient.agree ? 'agree' : 'differ'}:`);
console.log(
  `  discrete adjoint and finite differences by ${gradient.differences.toExponential(1)}`,
);
console.log(`  all three on a fine flow by ${gradient.fine.difference.toExponential(1)}`);
backend.dispose();
