export * from './images.ts';
export * from './patches.ts';
export * from './softmax-regression.ts';
export * from './training.ts';
