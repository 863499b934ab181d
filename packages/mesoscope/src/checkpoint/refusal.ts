import { MesoscopeError } from '../errors.ts';

const damaged = 'Fetch the checkpoint again, or save it anew.';

/** What is wrong with a file of a checkpoint. */
export function unreadable(path: string, reason: string, wayOut: string = damaged): MesoscopeError {
  return new MesoscopeError({ code: 'file', path, reason, wayOut });
}
