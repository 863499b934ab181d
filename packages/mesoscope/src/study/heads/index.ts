import type { Study } from '../study.ts';
import { teacherStudy } from './teacher.ts';
import { textStudy } from './text.ts';

/** Studies of heads as particles. */
export const headStudies: readonly Study[] = [teacherStudy as Study, textStudy as Study];
