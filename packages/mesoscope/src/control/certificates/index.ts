export * from './certify.ts';
export * from './gradient-agreement.ts';
