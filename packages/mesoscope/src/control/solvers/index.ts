export * from './lbfgs.ts';
export * from './minimise.ts';
export * from './penalty-metric.ts';
export * from './schedule.ts';
export * from './solve-controls.ts';
export * from './successive-approximations.ts';
export * from './update-rule.ts';
