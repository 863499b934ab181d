import { afterAll, describe, expect, it } from 'vitest';
import { createReferenceBackend } from '../kernels/reference/backend.ts';
import { createWasmBackend } from '../kernels/wasm/backend.ts';
import { createAdaptiveFlow } from './adaptive.ts';
import { type PiecewiseConstantControls, piecewiseConstantControls } from './controls.ts';
import { createContinuousAdjoint } from './costate.ts';
import type { DepthInput } from './depth-engine.ts';
import { createFlow } from './flow.ts';
import { createFlowEngine } from './flow-engine.ts';
import { refineGrid, uniformGrid } from './grid.ts';
import { dormandPrince, euler, rk4 } from './scheme.ts';
import { interactingField, normalStates, pairing, randomNodes } from './test-support.ts';

const wasm = await createWasmBackend();
afterAll(() => wasm.dispose());
const [samples, tokens] = [2, 5];
const P = interactingField.parameters.length;
const layers = 12;
const grid = uniformGrid(1, layers, (t) => 1 + 0.5 * t);

/** Arrays of the host, which no backend allocated. */
function hostInput(seed: number): DepthInput & { readonly controls: PiecewiseConstantControls } {
  const reference = createReferenceBackend();
  const nodes = Float64Array.from(randomNodes(reference, interactingField, layers, seed));
  const states = normalStates(reference, { samples, tokens, dimension: 3 }, seed + 1);
  return {
    grid,
    controls: piecewiseConstantControls(grid, P, nodes),
    initial: Float64Array.from(states),
  };
}

const input = hostInput(1);
const costate = hostInput(3).initial;

describe.each([
  ['reference', createReferenceBackend()],
  ['wasm', wasm],
])('the depth engine of the CPU on %s', (_, backend) => {
  const options = { field: interactingField, tokens, samples, scheme: rk4 };

  it.each(['all', 'sqrt', 'ends', 5] as const)(
    'is the flow, bit for bit, with checkpoints %s',
    async (checkpoints) => {
      const engine = createFlowEngine(backend, { ...options, checkpoints });
      const found = await engine.gradient({
        ...input,
        terminalCostate: () => costate,
        keepStates: checkpoints === 'all',
        keepCostates: true,
      });
      const once = await engine.forward({ ...input, keepStates: true });
      backend.scoped(() => {
        const here = (values: ArrayLike<number>) => {
          const copy = backend.allocate(values.length);
          copy.set(values);
          return copy;
        };
        const flow = createFlow(backend, options);
        const controls = piecewiseConstantControls(grid, P, here(input.controls.nodes));
        const initial = here(input.initial);
        const trajectory = flow.forward({ grid, controls, initial });
        const gradient = backend.allocate(controls.nodes.length);
        const terminalCostate = here(costate);
        const { all = [] } = flow.backward({
          trajectory,
          terminalCostate,
          gradient,
          keepCostates: true,
        });
        expect(found.status).toEqual(trajectory.status);
        expect(found.last).toEqual(trajectory.last.slice());
        expect(found.adjoint?.gradient).toEqual(gradient.slice());
        expect(found.adjoint?.costates).toEqual(all.map((p) => p.slice()));
        expect(found.adjoint?.initial).toEqual(all[0].slice());
        const states = Array.from({ length: layers + 1 }, (_, k) => trajectory.state(k).slice());
        expect(once.states).toEqual(states);
        if (checkpoints === 'all') expect(found.states).toEqual(states);
      });
    },
  );

  it('answers several calls at once as one after the other', async () => {
    const [first, second] = [
      createFlowEngine(backend, options),
      createFlowEngine(backend, options),
    ];
    const other = hostInput(7);
    const alone = [await first.forward(input), await second.forward(other)];
    const together = await Promise.all([
      first.forward(input),
      second.forward(other),
      first.forward(other),
    ]);
    expect(together[0].last).toEqual(alone[0].last);
    expect(together[1].last).toEqual(alone[1].last);
    expect(together[2].last).toEqual(alone[1].last);
  });
});

describe('the depth engine', () => {
  const options = { field: interactingField, tokens, samples };

  it('has one gradient three ways', async () => {
    const fine = refineGrid(grid, 8);
    const engine = createFlowEngine(wasm, { ...options, scheme: dormandPrince });
    const call = { ...input, grid: fine, terminalCostate: () => costate };
    const { adjoint } = await engine.gradient(call);
    const direction = hostInput(9).controls.nodes;
    const along = (gradient: ArrayLike<number>) =>
      Array.from<number>(direction).reduce((sum, x, i) => sum + x * gradient[i], 0);
    // Differences of the engine's own end, at two steps, extrapolated.
    const end = async (step: number) => {
      const nodes = input.controls.nodes.map((x, i) => x + step * direction[i]);
      const moved = { ...input, grid: fine, controls: { ...input.controls, nodes } };
      return pairing((await engine.forward(moved)).last, costate, tokens);
    };
    const slope = async (h: number) => ((await end(h)) - (await end(-h))) / (2 * h);
    const [wide, narrow] = [await slope(2e-3), await slope(1e-3)];
    const difference = (4 * narrow - wide) / 3;
    const continuous = wasm.scoped(() => {
      const nodes = wasm.allocate(input.controls.nodes.length);
      nodes.set(input.controls.nodes);
      const initial = wasm.allocate(input.initial.length);
      initial.set(input.initial);
      const terminalCostate = wasm.allocate(costate.length);
      terminalCostate.set(costate);
      const controls = piecewiseConstantControls(grid, P, nodes);
      const { at: states } = createAdaptiveFlow(wasm, options).integrate({
        horizon: 1,
        profile: grid.profile,
        controls,
        initial,
        relativeTolerance: 1e-12,
      });
      const gradient = wasm.allocate(nodes.length);
      createContinuousAdjoint(wasm, options).integrate({
        grid: fine,
        controls,
        states,
        terminalCostate,
        gradient,
      });
      return gradient.slice();
    });
    const discrete = along(adjoint?.gradient ?? []);
    expect(Math.abs(discrete / difference - 1)).toBeLessThan(1e-8);
    expect(Math.abs(along(continuous) / discrete - 1)).toBeLessThan(1e-7);
  });

  it('says where a flow diverges, and has no way back from there', async () => {
    const engine = createFlowEngine(wasm, { ...options, scheme: euler, limit: 1e-3 });
    const found = await engine.gradient({
      ...input,
      keepStates: true,
      terminalCostate: () => {
        throw new Error('not asked');
      },
    });
    expect(found.status).toMatchObject({ kind: 'diverged', step: 1 });
    expect(found.states?.length).toBe(2);
    expect(found.adjoint).toBeUndefined();
  });

  it('refuses what does not fit and goes on after it', async () => {
    const engine = createFlowEngine(wasm, { ...options, scheme: euler });
    const short = { ...input, initial: input.initial.subarray(1) };
    await expect(engine.forward(short)).rejects.toThrow(/initial/);
    const call = { ...input, terminalCostate: () => costate.subarray(1) };
    await expect(engine.gradient(call)).rejects.toThrow(/terminalCostate/);
    expect((await engine.forward(input)).status.kind).toBe('completed');
  });

  it('stops in the middle of a trajectory when its signal aborts', async () => {
    const engine = createFlowEngine(wasm, { ...options, scheme: rk4 });
    const before = AbortSignal.abort(new Error('not wanted'));
    await expect(engine.forward({ ...input, signal: before })).rejects.toThrow('not wanted');
    const long = { ...input, grid: refineGrid(grid, 200_000) };
    const controller = new AbortController();
    const begin = performance.now();
    const run = engine.forward({ ...long, signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 20);
    await expect(run).rejects.toThrow('enough');
    // The whole way would take minutes; the host is asked every 50 ms.
    expect(performance.now() - begin).toBeLessThan(10_000);
    // Memory was given back, and the engine works on.
    expect((await engine.forward(input)).status.kind).toBe('completed');
  });
});
