import type { Figure, Mark } from 'mesoscope/claims';
import type { NamedArray } from 'mesoscope/formats';

/**
 * The numbers of a figure as arrays, so that it can be drawn again elsewhere. Their names are
 * `<figure id>.<kind>.<series>.<field>`, such as `A.euler-order.line.Euler.x`; of two marks with the same name the
 * second is called `line-2`. Regions become one array of zeros and ones for each category.
 */
export function figureArrays({ id, marks }: Figure): Record<string, NamedArray> {
  const arrays: Record<string, NamedArray> = {};
  const seen = new Map<string, number>();
  for (const mark of marks) {
    const title = titleOf(mark);
    const copies = (seen.get(`${mark.kind} ${title}`) ?? 0) + 1;
    seen.set(`${mark.kind} ${title}`, copies);
    const kind = copies === 1 ? mark.kind : `${mark.kind}-${copies}`;
    const path = [id, kind, ...(title === '' ? [] : [title])].join('.');
    for (const [field, values] of Object.entries(columnsOf(mark))) {
      const data = Float64Array.from(values);
      arrays[`${path}.${field}`] = { shape: [data.length], data };
    }
  }
  return arrays;
}

function titleOf(mark: Mark): string {
  if ('series' in mark) return mark.series;
  if ('label' in mark) return mark.label;
  return 'valueLabel' in mark ? mark.valueLabel : '';
}

/** Everything in a mark that is a list of numbers. */
function columnsOf(mark: Mark): Record<string, ArrayLike<number>> {
  switch (mark.kind) {
    case 'line':
    case 'reference':
      return { x: mark.x, y: mark.y };
    case 'dots':
      return {
        ...{ x: mark.x, y: mark.y },
        ...(mark.low === undefined ? {} : { low: mark.low }),
        ...(mark.high === undefined ? {} : { high: mark.high }),
      };
    case 'band':
      return { x: mark.x, low: mark.low, high: mark.high };
    case 'rule':
      return { at: [mark.at] };
    case 'points':
    case 'heatmap':
      return { x: mark.x, y: mark.y, values: mark.values };
    case 'regions':
      return {
        ...{ x: mark.x, y: mark.y },
        ...Object.fromEntries(
          [...new Set(mark.categories)].map((category) => [
            category,
            mark.categories.map((other) => Number(other === category)),
          ]),
        ),
      };
    case 'bars':
      return { x0: mark.x0, x1: mark.x1, y: mark.y };
  }
}
