export * from './minimise.ts';
export * from './schedule.ts';
export * from './update-rule.ts';
