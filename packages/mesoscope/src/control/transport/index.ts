export * from './finite-volume.ts';
export * from './particles.ts';
export * from './velocity.ts';
