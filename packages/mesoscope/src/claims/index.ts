export * from './check.ts';
export * from './citation.ts';
export * from './claim.ts';
export {
  type MeasurementHost,
  measureTrainedModel,
  type TrainedModel,
} from './control/trained-model.ts';
export * from './document.ts';
export * from './figure.ts';
export * from './given.ts';
export * from './papers.ts';
export * from './reference.ts';
export * from './registry.ts';
export * from './run.ts';
export * from './stored-outcome.ts';
export * from './verdict.ts';
