import * as z from 'zod';
import { parseConfiguration } from '../configuration/parse.ts';
import { MesoscopeError } from '../errors.ts';

/** How large a claim's own experiments are. */
export type Setting = 'quick' | 'full';

/** Fields by name. */
export type Shape = Readonly<Record<string, z.ZodType>>;
type Fields<S extends Shape> = z.output<z.ZodObject<S>>;

/** What a claim is measured on: its own experiments and a user's explicit data, as one thing. */
export interface Given<G> {
  /** All fields that an instance may have, described, for documentation; {@link parse} says which go together. */
  readonly schema: z.ZodType;
  /** Fields of the claim's own experiments; an instance of its defaults is one. */
  readonly ownSchema: z.ZodType;
  /** Fields of explicit instances. */
  readonly explicitSchema: z.ZodType;
  /** The fields of explicit data; where one of them is named, all required ones must be. */
  readonly data: readonly string[];
  /** What a piece is called while it is measured: `random flows`. */
  readonly label: string;
  /**
   * The instance with its defaults: of the claim's own experiments, any of whose fields may be changed alone, or of
   * explicit data.
   *
   * @throws MesoscopeError `invalid-configuration`
   */
  parse(input: unknown, setting: Setting): G;
  /** How many pieces the measurement has. */
  pieces(given: G): number;
}

/** Both kinds of instances: `explicit` tells them apart. */
export type OwnOrExplicit<
  Shared extends Shape,
  Own extends Shape,
  Data extends Shape,
> = Fields<Shared> &
  (({ readonly explicit: false } & Fields<Own>) | ({ readonly explicit: true } & Fields<Data>));

/**
 * A claim's own experiments and explicit instances in one schema. Naming a field of `data` makes an instance explicit; the
 * fields of `own` (numbers and sizes of random experiments) are then refused, as those of `data` are refused without the
 * ones that they need, so that no field is ever ignored.
 */
export function experiments<
  Shared extends Shape,
  Own extends Shape,
  Data extends Shape,
>(definition: {
  readonly label: string;
  /** Fields of both, with defaults. */
  readonly shared: Shared;
  /** Fields of the claim's own experiments, with defaults. */
  readonly own: Own;
  /** Fields of explicit data; those without a default are required together. */
  readonly data: Data;
  /** Values that stand for the defaults in the full setting, by field. */
  readonly full?: Readonly<Record<string, unknown>>;
  /** Checks what a schema cannot: shapes against each other, sizes. Returns complaints by path. */
  check?(
    given: OwnOrExplicit<Shared, Own, Data>,
  ): readonly { readonly path: string; readonly message: string }[];
  /** Default: one of explicit data, `own.experiments` otherwise. */
  pieces(given: OwnOrExplicit<Shared, Own, Data>): number;
}): Given<OwnOrExplicit<Shared, Own, Data>> {
  const { label, shared, own, data, full = {}, check, pieces } = definition;
  const ownSchema = z.strictObject({ ...shared, ...own });
  const explicitSchema = z.strictObject({ ...shared, ...data });
  const optional = Object.fromEntries(
    Object.entries(data).map(([name, field]) => [name, field.optional()]),
  );
  const named = Object.keys(data);
  return {
    schema: z.strictObject({ ...shared, ...own, ...optional }),
    ownSchema,
    explicitSchema,
    data: named,
    label,
    pieces,
    parse(input, setting) {
      const fields = objectOf(input);
      const present = named.filter((name) => fields[name] !== undefined);
      const explicit = present.length > 0;
      const schema: z.ZodType = explicit ? explicitSchema : ownSchema;
      const stray = Object.keys(explicit ? own : {}).filter((name) => fields[name] !== undefined);
      if (stray.length > 0) {
        refuse(
          stray.map((path) => ({
            path,
            message: `belongs to the claim's own experiments and means nothing beside ${present.join(', ')}; leave one of them out`,
          })),
        );
      }
      const absent = Object.entries(explicit ? data : {}).filter(
        ([name, field]) => fields[name] === undefined && !field.safeParse(undefined).success,
      );
      if (absent.length > 0) {
        refuse(
          absent.map(([path]) => ({
            path,
            message: `is missing; explicit data (${present.join(', ')}) need it too`,
          })),
        );
      }
      const known = new Set(Object.keys({ ...shared, ...(explicit ? data : own) }));
      const larger = Object.entries(setting === 'full' ? full : {}).filter(([name]) =>
        known.has(name),
      );
      const parsed = parseConfiguration(schema, { ...Object.fromEntries(larger), ...fields });
      const given = { ...(parsed as object), explicit } as unknown as OwnOrExplicit<
        Shared,
        Own,
        Data
      >;
      const complaints = check?.(given) ?? [];
      if (complaints.length > 0) refuse(complaints);
      return given;
    },
  };
}

function objectOf(input: unknown): Readonly<Record<string, unknown>> {
  if (typeof input === 'object' && input !== null && !Array.isArray(input)) {
    return input as Record<string, unknown>;
  }
  throw new MesoscopeError({
    code: 'invalid-configuration',
    issues: [
      {
        path: '',
        message: `must be an object of fields (received ${JSON.stringify(input)?.slice(0, 60)})`,
      },
    ],
  });
}

function refuse(issues: readonly { readonly path: string; readonly message: string }[]): never {
  throw new MesoscopeError({ code: 'invalid-configuration', issues });
}
