export {
  type ErrorData,
  errorData,
  errorOf,
  type Fault,
  MesoscopeError,
  preview,
  shortened,
} from '../errors.ts';
export * from './assign.ts';
export * from './description.ts';
export * from './finite-json.ts';
export * from './parse.ts';
export * from './template.ts';
export * from './tree.ts';
