export * from './measure-cloud.ts';
export * from './stack-clouds.ts';
export * from './stacks.ts';
export * from './token-cloud.ts';
