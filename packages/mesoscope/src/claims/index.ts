export * from './citation.ts';
export * from './claim.ts';
export {
  type MeasurementHost,
  measureTrainedModel,
  type TrainedModel,
} from './control/trained-model.ts';
export * from './document.ts';
export * from './figure.ts';
export * from './reference.ts';
export * from './registry.ts';
export * from './run.ts';
