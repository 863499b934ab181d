import * as Plot from '@observablehq/plot';

const viridis = Plot.scale({ color: { type: 'linear', scheme: 'viridis', domain: [0, 1] } });

/** The colour at a share (0 to 1) of the scale: lighter throughout, so that it is read in grey too. */
export function heatColour(share: number): string {
  return viridis.apply(share) as string;
}
