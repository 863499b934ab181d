export * from './block-clouds.ts';
export * from './measure-cloud.ts';
export * from './stacks.ts';
export * from './token-cloud.ts';
