import type { Section } from '../study.ts';

const shownDependencies = 8;

/** The coefficients of dependencies, if there are any. */
export function dependencySection(
  dependency: readonly (readonly number[])[],
  contexts: number,
): Section[] {
  const shown = dependency.slice(0, shownDependencies);
  const rows = Array.from({ length: Math.min(contexts, 40) }, (_, i) => i);
  const notes = [
    ...(dependency.length > shown.length
      ? [`The first ${shown.length} dependencies of ${dependency.length}.`]
      : []),
    ...(contexts > rows.length ? [`The first ${rows.length} contexts of ${contexts}.`] : []),
  ];
  if (shown.length === 0) return [];
  return [
    {
      kind: 'table',
      title: 'Dependencies: Σ c_i Λ_i is affine',
      columns: ['context', ...shown.map((_, r) => `c, dependency ${r + 1}`)],
      rows: rows.map((i) => [i + 1, ...shown.map((row) => row[i])]),
      ...(notes.length > 0 ? { note: notes.join(' ') } : {}),
    },
  ];
}

/** All singular values of a design, in decreasing order. */
export function singularValueSection(values: readonly number[]): Section {
  return {
    kind: 'figure',
    figure: {
      id: 'singular-values',
      title: 'Singular values of the log-sum-exp design',
      caption:
        'In decreasing order, modulo affine functions (values below 1e-18 drawn there). A drop to rounding is a dependency.',
      x: { label: 'index' },
      y: { label: 'singular value', scale: 'log' },
      marks: [
        {
          kind: 'dots',
          series: 'design',
          x: values.map((_, i) => i + 1),
          y: values.map((value) => Math.max(value, 1e-18)),
        },
      ],
    },
  };
}
