export type { Architecture, Blueprint, LayerPlan } from './architecture.ts';
export { architectures } from './architectures/index.ts';
export { type AttentionView, attentionView, type HeadView } from './attention-view.ts';
export * from './checkpoint.ts';
export * from './depth/layer-fields.ts';
export * from './depth/output-change.ts';
export * from './depth/refinement.ts';
export { runPlans } from './depth/run-plans.ts';
export * from './depth/stack-plan.ts';
export { describeModel, type ModelDescription } from './describe-model.ts';
export type { IdInput, ModelInput, PixelInput } from './embed.ts';
export { type Folder, memoryFile, memoryFolder, type RandomAccess } from './files.ts';
export { hiddenStates, type StatesAtDepth, throughLayer } from './hidden-states.ts';
export { type InputOptions, initialStates } from './inputs.ts';
export { type LoadedLayer, layerBlock, type Model, openModel, withLayers } from './model.ts';
export { openCheckpoint } from './open.ts';
export { type Overwrite, overwritten } from './overwrite.ts';
export {
  decodeGoldenStates,
  type GoldenStates,
  type ParityError,
  parityErrors,
} from './parity.ts';
export { type CheckpointPlace, findCheckpoints } from './places.ts';
export {
  type CloudRecord,
  type DepthRecord,
  type LayerRecord,
  type ProbeOptions,
  probeModel,
} from './probe.ts';
export { type RandomModelOptions, randomCheckpoint } from './random-model.ts';
export { withRandomWeights } from './random-weights.ts';
export { type Recognised, recognise } from './recognise.ts';
export * from './statistics/cloud.ts';
export * from './statistics/heads.ts';
export * from './statistics/pairs.ts';
export * from './statistics/spectra.ts';
export * from './statistics/step.ts';
export type { Tensor } from './tensor.ts';
export type { Tokenizer, TokenizerSource } from './tokenizer.ts';
