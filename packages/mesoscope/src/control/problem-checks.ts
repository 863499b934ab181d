import { refuse } from '../numeric/checks.ts';

/** Refuses sizes that make no problem. @throws MesoscopeError `invalid-value` */
export function checkProblem(sizes: {
  readonly tokens: number;
  readonly samples: number;
  readonly classes: number;
  readonly vocabulary: number;
  readonly positions: boolean;
}): void {
  const { tokens, samples, classes, vocabulary, positions } = sizes;
  requireCount('tokens', tokens, 1);
  requireCount('samples', samples, 1);
  requireCount('classes', classes, 1);
  requireCount('vocabulary', vocabulary, 0);
  if (positions && vocabulary === 0) {
    refuse(
      'positions',
      positions,
      'false where the inputs are vectors',
      'Add the positions to the input vectors.',
    );
  }
}

function requireCount(path: string, received: number, least: number): void {
  if (Number.isInteger(received) && received >= least) return;
  refuse(path, received, `a whole number of at least ${least}`);
}
