import { MesoscopeError } from '../errors.ts';
import { refinementRace } from './checkpoint/refinement-race/refinement-race.ts';
import { controlStudies } from './control/index.ts';
import { ensembleStudies } from './ensemble/index.ts';
import { firstLook } from './first-look/first-look.ts';
import { gaussianStudies } from './gaussian/index.ts';
import { headStudies } from './heads/index.ts';
import { sphereStudies } from './sphere/index.ts';
import type { Study } from './study.ts';

/** Every study that can be run by name. */
export const studies: readonly Study[] = [
  firstLook as Study,
  ...controlStudies,
  ...headStudies,
  ...ensembleStudies,
  ...gaussianStudies,
  ...sphereStudies,
  refinementRace as Study,
];

/**
 * The study of a name such as `gaussian/phase`.
 *
 * @throws MesoscopeError `unknown-name`, with the nearest name
 */
export function studyByName(name: string, among: readonly Study[] = studies): Study {
  const found = among.find((study) => study.name === name);
  if (found === undefined) {
    const known = among.map((study) => study.name);
    throw new MesoscopeError({ code: 'unknown-name', kind: 'study', received: name, known });
  }
  return found;
}
