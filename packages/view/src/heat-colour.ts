import * as Plot from '@observablehq/plot';

const viridis = Plot.scale({ color: { type: 'linear', scheme: 'viridis', domain: [0, 1] } });

/** The part of the scale that is used: its yellow end is lost on white paper, and in dark mode, which inverts it, on black. */
const visible = 0.8;

/** The colour at a share (0 to 1) of the scale: lighter throughout, so that it is read in grey too. */
export function heatColour(share: number): string {
  return viridis.apply(visible * share) as string;
}
