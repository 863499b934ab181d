import { horizonOf } from '../../flow/grid.ts';
import { createFieldProbe } from '../../flow/lipschitz.ts';
import { columnStride } from '../../kernels/instruction.ts';
import { stateLength } from '../../kernels/program.ts';
import { solveTransport } from '../../law/distance/network-simplex.ts';
import type { ControlModel } from '../control-model.ts';
import { pooledReadoutNorm } from './control-range.ts';
import { type Optimum, solveModel } from './optimum.ts';

/** A problem with its solution. */
export interface SolvedModel {
  readonly model: ControlModel;
  readonly optimum: Optimum;
}

/** The optimal values of two data laws with equally many samples, and what binds them. */
export interface LawComparison {
  /** `|V(ρ) − V(ρ')|`. */
  readonly change: number;
  /**
   * `W_1(ρ, ρ')` for the cost `Lip |h − h'|`, plus the largest difference of two logits where labels differ: with the
   * constants under either optimum the values differ by at most this.
   */
  readonly bound: number;
  /** `Lip = √2 ‖U pool‖ e^{L_hT}`, the larger of both laws under both optima. */
  readonly lipschitz: number;
  readonly optimum: Optimum;
}

/** Solves the changed problem and compares it with the original one. */
export function compareLaws(original: SolvedModel, changed: ControlModel): LawComparison {
  const optimum = solveModel(changed);
  const base = original.model;
  const constants = [base, changed].flatMap((data) =>
    [original.optimum, optimum].map((controls) => lossConstants(data, controls)),
  );
  const inState = Math.max(...constants.map((constant) => constant.state));
  const inLabel = Math.max(...constants.map((constant) => constant.label));
  return {
    change: Math.abs(optimum.objective - original.optimum.objective),
    bound: lawDistance(base, changed, inState, inLabel),
    lipschitz: inState,
    optimum,
  };
}

/** The logits of every sample and column under given controls. */
export function logitsOf({ problem, batch }: ControlModel, { parameters }: Optimum): number[][][] {
  const { backend, classes, columns } = problem;
  const stride = columnStride(columns);
  return backend.scoped(() => {
    const controls = backend.allocate(parameters.length);
    controls.set(parameters);
    const { logits } = problem.trace(controls, batch);
    const size = stateLength(classes, columns);
    return Array.from({ length: batch.samples }, (_, s) =>
      Array.from({ length: columns }, (_, i) =>
        Array.from({ length: classes }, (_, c) => logits[s * size + c * stride + i]),
      ),
    );
  });
}

/**
 * Lipschitz constants of `(h_0, y) ↦ ℓ` under given controls: in h_0 `√2 ‖U pool‖ e^{L_hT}`, with L_h along the paths; in y the
 * largest difference of two logits.
 */
function lossConstants(model: ControlModel, optimum: Optimum) {
  const { problem, batch } = model;
  const { backend, field, tokens } = problem;
  return backend.scoped(() => {
    const parameters = backend.allocate(optimum.parameters.length);
    parameters.set(optimum.parameters);
    const trace = problem.trace(parameters, batch);
    const probe = createFieldProbe(backend, { field, tokens, samples: batch.samples });
    const { stateLipschitz } = probe.along(trace.states, { tolerance: 1e-3 });
    const ranges = logitsOf(model, optimum)
      .flat()
      .map((z) => Math.max(...z) - Math.min(...z));
    return {
      state:
        Math.SQRT2 * pooledReadoutNorm(model) * Math.exp(stateLipschitz * horizonOf(problem.grid)),
      label: Math.max(...ranges),
    };
  });
}

/** `W_1` between two empirical laws of (h_0, y) for `inState |h − h'| + inLabel · (share of labels that differ)`, exactly. */
function lawDistance(a: ControlModel, b: ControlModel, inState: number, inLabel: number): number {
  const samples = a.batch.samples;
  const [x, y] = [a, b].map(({ batch }) => batch.states ?? []);
  const each = x.length / samples;
  const columns = a.problem.columns;
  const cost = new Float64Array(samples * samples);
  for (let i = 0; i < samples; i++) {
    for (let j = 0; j < samples; j++) {
      let square = 0;
      for (let e = 0; e < each; e++) square += (x[i * each + e] - y[j * each + e]) ** 2;
      let differing = 0;
      for (let c = 0; c < columns; c++) {
        if (a.batch.labels[i * columns + c] !== b.batch.labels[j * columns + c]) differing++;
      }
      cost[i * samples + j] = inState * Math.sqrt(square) + (inLabel * differing) / columns;
    }
  }
  const ones = () => new Float64Array(samples).fill(1);
  const { from, to, mass } = solveTransport(cost, ones(), ones());
  return mass.reduce((sum, m, k) => sum + m * cost[from[k] * samples + to[k]], 0) / samples;
}
