/**
 * What most people need, by name. Each room has a sub-path of its own with all that it exports: `mesoscope/field`,
 * `mesoscope/flow`, `mesoscope/control`, `mesoscope/gaussian` and so on.
 *
 * @module mesoscope
 */

// Claims: theorems that can be run, and how to write one.
export {
  agreement,
  atLeast,
  atMost,
  bound,
  certificate,
  coverage,
  equals,
  identical,
} from './claims/check.ts';
export { type Claim, claim, type Finding } from './claims/claim.ts';
export { experiments } from './claims/given.ts';
export { deterministicOrder, sampledOrder } from './claims/order.ts';
export { claimById, claims } from './claims/registry.ts';
export { runClaim, runClaims } from './claims/run.ts';
export { notTrivial } from './claims/verdict.ts';
export { certifyControls } from './control/certificates/index.ts';
// Problems over depth, laws of heads, Gaussian token laws.
export { createControlProblem } from './control/create-problem.ts';
export { testInjectivity } from './ensemble/injectivity.ts';
export { MesoscopeError } from './errors.ts';
// Fields: layers as vector fields.
export { affine } from './field/affine.ts';
export { attention } from './field/attention.ts';
export { feedForward } from './field/feed-forward.ts';
export type { Field } from './field/field.ts';
export { prenormalise } from './field/normalise.ts';
export { initialiseParameters, parametersFromMatrices } from './field/parameters.ts';
export { sumOf } from './field/sum.ts';
export { transformerBlock } from './field/transformer-block.ts';
export { transformerLayer } from './field/transformer-layer.ts';
// Flows: fields over depth.
export { piecewiseConstantControls } from './flow/controls.ts';
export { createFlow } from './flow/flow.ts';
export type { Flow } from './flow/flow-contract.ts';
export { uniformGrid } from './flow/grid.ts';
export { solveOde } from './flow/ode.ts';
export { euler, heun, rk4 } from './flow/scheme.ts';
export { simulate } from './flow/simulate.ts';
export { classifyLayer } from './gaussian/classify.ts';
export { gaussianLayer } from './gaussian/layer.ts';
export { integrateMoments } from './gaussian/moment-flow.ts';
export { steer } from './gaussian/reachability/steer.ts';
export { certifyHeads } from './heads/certificate.ts';
export { headLaw } from './heads/head-law.ts';
export { createHeadProblem } from './heads/problem.ts';
// Where it runs.
export type { Backend } from './kernels/backend.ts';
export { createReferenceBackend } from './kernels/reference/backend.ts';
export { createWasmBackend, type WasmBackendOptions } from './kernels/wasm/backend.ts';
export { wassersteinDistance } from './law/distance/index.ts';
// Laws, and how far apart they are.
export { box, dirac, gaussian, type Law, mixture, particles } from './law/law.ts';
// Numbers with their intervals.
export { fitRate, meanInterval } from './numeric/fit.ts';
export { randomStream } from './numeric/random.ts';
// Studies: configurations that run in counted pieces.
export { studies, studyByName } from './study/registry.ts';
export { runStudy } from './study/run-here.ts';
export { type Study, study } from './study/study.ts';
export { version } from './version.ts';
