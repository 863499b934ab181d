import type { Figure } from 'mesoscope/claims';
import { heatColour } from './heat-colour.ts';
import type { SeriesStyle } from './palette.ts';
import type { Theme } from './theme.ts';

/** Names of a figure's series, in order of first appearance. */
export function seriesNames(figure: Figure): string[] {
  return [...new Set(figure.marks.flatMap((mark) => ('series' in mark ? [mark.series] : [])))];
}

/** Places in the palette for the series of each figure. */
export type SeriesPlaces = ReadonlyMap<string, number>;

/**
 * Places for the series of several figures that are read together: a name keeps the place that it had in the figure before,
 * unless another series of the same figure has it.
 */
export function placesInReport(figures: readonly Figure[]): Map<Figure, SeriesPlaces> {
  const known = new Map<string, number>();
  return new Map(
    figures.map((figure) => {
      const names = seriesNames(figure);
      const places = new Map<string, number>();
      const taken = new Set<number>();
      for (const name of names) {
        const place = known.get(name);
        if (place === undefined || taken.has(place)) continue;
        places.set(name, place);
        taken.add(place);
      }
      for (const name of names) {
        if (places.has(name)) continue;
        let place = 0;
        while (taken.has(place)) place++;
        places.set(name, place);
        taken.add(place);
        if (!known.has(name)) known.set(name, place);
      }
      return [figure, places];
    }),
  );
}

/**
 * Looks of a figure's series. Series that are named by values of one quantity (`t = 0`, `t = T/2`, `t = T`; three or
 * more) are shaded from dark to light in their order; others take their places in the palette.
 */
export function seriesLooks(
  figure: Figure,
  theme: Theme,
  places?: SeriesPlaces,
): Map<string, SeriesStyle> {
  const names = seriesNames(figure);
  const ordered = orderedNames(names);
  return new Map(
    names.map((name, i) => {
      const look = theme.series(places?.get(name) ?? i);
      const order = ordered.indexOf(name);
      if (order < 0) return [name, look];
      return [name, { ...look, colour: heatColour(order / (ordered.length - 1)) }];
    }),
  );
}

/** The names of a figure that are values of depth or time. */
function orderedNames(names: readonly string[]): readonly string[] {
  const values = names.filter((name) => /^[tsτ] = /.test(name));
  return values.length >= 3 ? values : [];
}
