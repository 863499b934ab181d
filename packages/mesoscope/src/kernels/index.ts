export * from './backend.ts';
export * from './check.ts';
export * from './conformance.ts';
export * from './instruction.ts';
export * from './operands.ts';
export * from './program.ts';
export { createReferenceBackend } from './reference/backend.ts';
export * from './tokens.ts';
export { createWasmBackend, type WasmBackendOptions } from './wasm/backend.ts';
