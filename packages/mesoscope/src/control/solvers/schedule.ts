import { refuse } from '../../numeric/checks.ts';

/** The rate of each step, counted from 0. */
export type RateSchedule = (step: number) => number;

export interface RateOptions {
  /** The rate after warm-up; > 0. */
  readonly rate: number;
  /** Steps over which the rate grows linearly from 0 (not reached) to `rate`; default 0. */
  readonly warmUp?: number;
}

/** `rate · min(1, (step + 1)/(warmUp + 1))`. @throws MesoscopeError `invalid-value` */
export function constantRate(options: RateOptions): RateSchedule {
  const { rate, warmUp = 0 } = options;
  if (!(rate > 0 && Number.isFinite(rate))) refuse('rate', rate, 'a finite number greater than 0');
  if (!(warmUp >= 0)) refuse('warmUp', warmUp, 'a number of steps of at least 0');
  return (step) => rate * Math.min(1, (step + 1) / (warmUp + 1));
}

/**
 * Warm-up as {@link constantRate}, then half a cosine from `rate` at the end of warm-up to `final · rate` at `steps`
 * (arXiv 1608.03983, one cycle).
 *
 * @param options.steps - length of the whole schedule, > warmUp; beyond it the rate stays at its final value
 * @param options.final - fraction of the rate at the end, in [0, 1]; default 0.1
 * @throws MesoscopeError `invalid-value`
 */
export function cosineRate(
  options: RateOptions & { readonly steps: number; readonly final?: number },
): RateSchedule {
  const { rate, warmUp = 0, steps, final = 0.1 } = options;
  if (!(steps > warmUp)) refuse('steps', steps, `more than the ${warmUp} steps of warm-up`);
  if (!(final >= 0 && final <= 1)) refuse('final', final, 'a fraction between 0 and 1');
  const start = constantRate(options);
  return (step) => {
    if (step < warmUp) return start(step);
    const progress = Math.min(1, (step - warmUp) / (steps - warmUp));
    return rate * (final + (1 - final) * 0.5 * (1 + Math.cos(Math.PI * progress)));
  };
}
