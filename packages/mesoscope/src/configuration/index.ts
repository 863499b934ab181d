export { type ErrorData, errorData, errorOf, type Fault, MesoscopeError } from '../errors.ts';
export * from './assign.ts';
export * from './finite-json.ts';
export * from './parse.ts';
