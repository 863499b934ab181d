import type { Figure, Mark } from 'mesoscope/claims';
import type { NamedArray } from 'mesoscope/formats';

/** A figure whose lists of numbers stand elsewhere, as arrays with names. */
export interface FigureDocument extends Omit<Figure, 'marks'> {
  readonly marks: readonly MarkDocument[];
}

/** A mark without its numbers. */
export interface MarkDocument {
  readonly kind: Mark['kind'];
  readonly series?: string;
  readonly label?: string;
  readonly valueLabel?: string;
  readonly valueDomain?: readonly [number, number];
  readonly scale?: 'linear' | 'log';
  readonly axis?: 'x' | 'y';
  readonly bound?: true;
  /** Names of regions; each has its array of zeros and ones. */
  readonly categories?: readonly string[];
  /** Field of the mark → name of the array that holds it. */
  readonly arrays: Readonly<Record<string, string>>;
}

/**
 * The numbers of a figure as arrays, so that it can be drawn again elsewhere. Their names are
 * `<figure id>.<kind>.<series>.<field>`, such as `A.euler-order.line.Euler.x`; of two marks with the same name the
 * second is called `line-2`. Regions become one array of zeros and ones for each category.
 */
export function figureArrays(figure: Figure): Record<string, NamedArray> {
  const paths = markPaths(figure);
  return Object.fromEntries(
    figure.marks.flatMap((mark, i) =>
      Object.entries(columnsOf(mark)).map(([field, values]) => {
        const data = Float64Array.from(values);
        return [`${paths[i]}.${field}`, { shape: [data.length], data }];
      }),
    ),
  );
}

/** Everything of a figure but the numbers that {@link figureArrays} holds. */
export function figureDocument(figure: Figure): FigureDocument {
  const paths = markPaths(figure);
  const marks = figure.marks.map((mark, i): MarkDocument => {
    const columns = columnsOf(mark);
    const words = Object.entries(mark).filter(([field]) => !(field in columns));
    const named = mark.kind === 'regions' ? { categories: [...new Set(mark.categories)] } : {};
    const arrays = Object.fromEntries(
      Object.keys(columns).map((field) => [field, `${paths[i]}.${field}`]),
    );
    return { ...(Object.fromEntries(words) as Pick<MarkDocument, 'kind'>), ...named, arrays };
  });
  return { ...figure, marks };
}

/**
 * The figure that a document and its arrays came from.
 *
 * @param array the numbers of the array with a name
 */
export function figureFromDocument(
  document: FigureDocument,
  array: (name: string) => ArrayLike<number>,
): Figure {
  return { ...document, marks: document.marks.map((mark) => markFromDocument(mark, array)) };
}

function markFromDocument(
  { arrays, ...words }: MarkDocument,
  array: (name: string) => ArrayLike<number>,
): Mark {
  const columns = Object.fromEntries(
    Object.entries(arrays).map(([field, name]) => [field, array(name)]),
  );
  if (words.kind === 'rule') return { ...words, at: columns.at[0] } as Mark;
  if (words.kind !== 'regions') return { ...words, ...columns } as unknown as Mark;
  const names = words.categories ?? [];
  const { x, y } = columns;
  const categories = Array.from(
    { length: x.length * y.length },
    (_, cell) => names.find((name) => columns[name][cell] === 1) ?? '',
  );
  return { kind: 'regions', x, y, categories };
}

/** `<figure id>.<kind>.<series>` for every mark, all different. */
function markPaths({ id, marks }: Figure): string[] {
  const seen = new Map<string, number>();
  return marks.map((mark) => {
    const title = titleOf(mark);
    const copies = (seen.get(`${mark.kind} ${title}`) ?? 0) + 1;
    seen.set(`${mark.kind} ${title}`, copies);
    const kind = copies === 1 ? mark.kind : `${mark.kind}-${copies}`;
    return [id, kind, ...(title === '' ? [] : [title])].join('.');
  });
}

function titleOf(mark: Mark): string {
  if ('series' in mark) return mark.series;
  if ('label' in mark) return mark.label;
  return 'valueLabel' in mark ? mark.valueLabel : '';
}

/** Columns with the ends of the intervals that dots may have. */
function withEnds(
  columns: Record<string, ArrayLike<number>>,
  { low, high }: Pick<Extract<Mark, { kind: 'dots' }>, 'low' | 'high'>,
): Record<string, ArrayLike<number>> {
  if (low !== undefined) columns.low = low;
  if (high !== undefined) columns.high = high;
  return columns;
}

/** Everything in a mark that is a list of numbers. */
function columnsOf(mark: Mark): Record<string, ArrayLike<number>> {
  switch (mark.kind) {
    case 'line':
    case 'reference':
      return { x: mark.x, y: mark.y };
    case 'dots':
      return withEnds({ x: mark.x, y: mark.y }, mark);
    case 'band':
      return { x: mark.x, low: mark.low, high: mark.high };
    case 'rule':
      return { at: [mark.at] };
    case 'points':
    case 'heatmap':
      return { x: mark.x, y: mark.y, values: mark.values };
    case 'regions':
      return {
        x: mark.x,
        y: mark.y,
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
