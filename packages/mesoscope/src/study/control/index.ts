import type { Study } from '../study.ts';
import { digitsStudy } from './digits/digits.ts';
import { textStudy } from './text/text.ts';

/** Studies of depth as a control problem. */
export const controlStudies: readonly Study[] = [textStudy as Study, digitsStudy as Study];
