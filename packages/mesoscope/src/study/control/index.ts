import type { Study } from '../study.ts';
import { digitsStudy } from './digits/digits.ts';
import { populationStudy } from './population/population.ts';
import { textStudy } from './text/text.ts';

/** Studies of depth as a control problem. */
export const controlStudies: readonly Study[] = [
  populationStudy as Study,
  textStudy as Study,
  digitsStudy as Study,
];
