import type { Figure, Mark } from 'mesoscope/claims';
import { describe, expect, it } from 'vitest';
import { unicodeToTex } from './tex-text.ts';
import { tikzFigure } from './tikz.ts';

const provenance = {
  study: 'toy',
  seed: 1,
  configuration: {},
  versions: { mesoscope: '0.0.0' },
};
const size = { width: 8.6, fontSize: 8, fontFamily: 'serif' };

function drawn(marks: readonly Mark[], x: Figure['x'] = { label: 't' }): string {
  const figure = { id: 'f', title: 'T', caption: 'C', x, y: { label: 'E_θ 50 %' }, marks };
  return tikzFigure(figure, provenance, size);
}

describe('labels for TeX', () => {
  it.each([
    ['layers L', 'layers L'],
    ['sup ‖hₖ − h(tₖ)‖', 'sup $\\|h_{k}$ $-$ h($t_{k}$)$\\|$'],
    ['L⁻¹² ≤ 10⁻³', '$L^{-12}$ $\\le$ $10^{-3}$'],
    ['ẋ of Σ₁₁', '$\\dot{x}$ of $\\Sigma _{11}$'],
    ['50 % of ab_c & {c}', '50 \\% of ab\\_c \\& \\{c\\}'],
    ['Łojasiewicz', 'Łojasiewicz'],
  ])('%s', (label, tex) => {
    expect(unicodeToTex(label)).toBe(tex);
  });
});

it('writes points, gaps and dashes that differ', () => {
  const text = drawn([
    { kind: 'line', series: 'one', x: [0, 1, 2], y: [1, Number.NaN, 3] },
    { kind: 'line', series: 'two', x: [0, 1], y: [1, 2] },
  ]);
  expect(text).toContain('coordinates {(0,1) (1,nan) (2,3)}');
  expect(text.match(/dash pattern=on 3\.35pt/g)).toHaveLength(1);
  expect(text).toContain('ylabel={$E_{\\theta}$ 50 \\%}');
});

it('closes every brace and environment, for every mark', () => {
  const text = drawn(
    [
      { kind: 'dots', series: 'a', x: [1, 2], y: [1, 2], low: [0.5, 1], high: [2, 3] },
      { kind: 'band', series: 'a', x: [1, 2], low: [0, 1], high: [2, 3] },
      { kind: 'bars', series: 'b', x0: [1], x1: [2], y: [3] },
      { kind: 'reference', label: 'slope −1', x: [1, 2], y: [2, 1] },
      { kind: 'rule', axis: 'x', at: 1.5, label: 't*' },
      { kind: 'points', x: [1], y: [2], values: [3], valueLabel: 'Ψ' },
      { kind: 'heatmap', x: [1, 2], y: [1, 2], values: [1, 2, 3, Number.NaN], valueLabel: 'λ' },
      { kind: 'regions', x: [1, 2], y: [1], categories: ['stable', 'not'] },
    ],
    { label: 'x', scale: 'log', base: 2 },
  );
  const plain = text.replace(/\\[{}]/g, '');
  expect(plain.match(/\{/g)?.length).toBe(plain.match(/\}/g)?.length);
  expect(text.match(/\\begin/g)?.length).toBe(text.match(/\\end/g)?.length);
  expect(text).toContain('log basis x=2');
  expect(text).not.toMatch(/undefined|NaN|Infinity/);
});
