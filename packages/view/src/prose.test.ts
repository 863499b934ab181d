import { describe, expect, it } from 'vitest';
import { proseHtml, scriptsInSvg } from './prose.ts';
import { unicodeToTex } from './tex-text.ts';

describe('prose with numbers', () => {
  it.each([
    ['falls like L^-0.999; ', 'falls like L<sup>−0.999</sup>; '],
    ['error 5.1e-16 of 2e+3', 'error 5.1 × 10<sup>−16</sup> of 2 × 10<sup>3</sup>'],
    ['|V_L − V_∞| and λ_min', '|V<sub>L</sub> − V<sub>∞</sub>| and λ<sub>min</sub>'],
    ['slope -1, not x-1 or 3-4', 'slope −1, not x-1 or 3-4'],
    ['run_json and A.euler-order', 'run_json and A.euler-order'],
    ['like N^(-1/2)', 'like N<sup>−1/2</sup>'],
    ['R(ρ^N) − R(ρ)', 'R(ρ<sup>N</sup>) − R(ρ)'],
    ['a < b', 'a &lt; b'],
  ])('%s', (text, html) => {
    expect(proseHtml(text)).toBe(html);
  });

  it('sets TeX as before', () => {
    expect(proseHtml('$L^{-1}$')).toContain('<math');
  });
});

it('lowers indices in the words of a drawing, nowhere else', () => {
  const svg = '<path id="a_b" d="M0,0"/><text x="1">V_L</text><text>names_of</text>';
  expect(scriptsInSvg(svg)).toBe(
    '<path id="a_b" d="M0,0"/><text x="1">V<tspan dy="3" font-size="0.75em">L</tspan><tspan dy="-3">\u200b</tspan></text><text>names_of</text>',
  );
});

it('writes indices of labels for TeX', () => {
  expect(unicodeToTex('|p_k − p(t_k)|')).toBe('|$p_{k}$ $-$ p($t_{k}$)|');
  expect(unicodeToTex('names_of')).toBe('names\\_of');
});

it('lowers an index behind a letter with an accent', () => {
  expect(proseHtml('sup_θ |R̂_N − R|')).toBe('sup<sub>θ</sub> |R̂<sub>N</sub> − R|');
  expect(proseHtml('2^{−k}')).toBe('2<sup>−k</sup>');
});
