import { afterAll } from 'vitest';
import { createReferenceBackend } from '../../kernels/reference/backend.ts';
import { createWasmBackend } from '../../kernels/wasm/backend.ts';
import { testMinimiser } from '../../minimise/test-support.ts';
import { minimiseLbfgs } from './lbfgs.ts';
import { minimise } from './minimise.ts';
import { cosineRate } from './schedule.ts';
import { adam, gradientFlow, type UpdateRuleFactory } from './update-rule.ts';

const wasm = await createWasmBackend({ precision: 'f64', threads: 1 });
const single = await createWasmBackend({ precision: 'f32', threads: 1 });
afterAll(() => {
  wasm.dispose();
  single.dispose();
});

for (const { backend, name, accuracy, tolerance } of [
  { backend: createReferenceBackend(), name: 'reference', accuracy: 1e-6, tolerance: 1e-9 },
  { backend: wasm, name: 'wasm', accuracy: 1e-6, tolerance: 1e-9 },
  { backend: single, name: 'wasm, single precision', accuracy: 1e-3, tolerance: 1e-3 },
]) {
  testMinimiser(`L-BFGS in the memory of ${name}`, {
    accuracy,
    minimise: async ({ f, start }) =>
      backend.scoped(() => {
        const parameters = backend.allocate(start.length);
        parameters.set(start);
        const { status } = minimiseLbfgs({
          backend,
          parameters,
          tolerance,
          objective(x, out) {
            const { value, gradient } = f(Float64Array.from(x));
            out.set(gradient);
            return value;
          },
        });
        return { point: Float64Array.from(parameters), converged: status === 'converged' };
      }),
  });
}

for (const { name, rule, rate } of [
  { name: 'Gradient flow', rule: gradientFlow, rate: 0.15 },
  { name: 'Adam', rule: adam(), rate: 0.05 },
] as { name: string; rule: UpdateRuleFactory; rate: number }[]) {
  testMinimiser(name, {
    skip: (problem) =>
      /10000|Rosenbrock/.test(problem.name)
        ? 'first-order steps of one size need too many where curvatures differ by orders of magnitude'
        : name === 'Gradient flow' && problem.name.includes('exponentially')
          ? 'a fixed step is unstable where the curvature is 1500'
          : undefined,
    minimise: async ({ f, start }) => {
      const parameters = wasm.allocate(start.length);
      const gradient = wasm.allocate(start.length);
      parameters.set(start);
      const status = await minimise({
        objective: {
          gradient(x, _step, out) {
            const { value, gradient: g } = f(Float64Array.from(x));
            out.set(g);
            return { loss: value };
          },
        },
        rule: rule(wasm, start.length),
        parameters,
        gradient,
        rate: cosineRate({ rate, steps: 4000, final: 1e-3 }),
        steps: 4000,
        tolerance: 1e-7,
      });
      return { point: parameters, converged: status.kind === 'tolerance-reached' };
    },
  });
}
