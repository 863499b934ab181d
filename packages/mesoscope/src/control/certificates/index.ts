export * from './certify.ts';
