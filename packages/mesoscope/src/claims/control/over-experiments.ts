import type { ClaimContext } from '../legacy.ts';

/**
 * Measures one experiment after the other, each in a memory scope of its own; between two of them the host can draw
 * and abort.
 */
export async function overExperiments<Measured>(
  context: Pick<ClaimContext<unknown>, 'backend' | 'progress' | 'signal'>,
  count: number,
  label: string,
  measure: (index: number) => Measured,
): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (let index = 0; index < count; index++) {
    context.signal?.throwIfAborted();
    context.progress(index, count, label);
    measured.push(context.backend.scoped(() => measure(index)));
    await new Promise((resume) => setTimeout(resume, 0));
  }
  return measured;
}
