import type { Figure } from '../../claims/figure.ts';
import type { Tokens } from '../../sphere/tokens.ts';

const around = Array.from({ length: 121 }, (_, k) => (2 * Math.PI * k) / 120);

/** Tokens seen from far away along their third coordinate, which is their colour; on the circle the colour is their number. */
export function sphereFrame(id: string, tokens: Tokens, time: number): Figure {
  const circle = tokens[0].length === 2;
  const values = tokens.map((x, i) => (circle ? i + 1 : x[2]));
  return {
    id,
    title: `Tokens at t = ${time.toPrecision(3)}`,
    caption: circle
      ? 'Each dot is a token on the circle; colour: its number in the sequence.'
      : 'Each dot is a token on the sphere, seen along its third coordinate; colour: that coordinate, 1 towards the reader, −1 behind. The ring is the outline of the sphere.',
    equalAxes: true,
    x: { label: 'coordinate 1', domain: [-1.1, 1.1] },
    y: { label: 'coordinate 2', domain: [-1.1, 1.1] },
    marks: [
      { kind: 'reference', label: '', x: around.map(Math.cos), y: around.map(Math.sin) },
      {
        kind: 'points',
        x: tokens.map((x) => x[0]),
        y: tokens.map((x) => x[1]),
        values,
        valueLabel: circle ? 'token' : 'coordinate 3',
        valueDomain: circle ? [1, Math.max(2, tokens.length)] : [-1, 1],
      },
    ],
  };
}
