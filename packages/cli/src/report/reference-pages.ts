import { type Claim, groupHeading, isPaper, paperReference, referenceLine } from 'mesoscope/claims';
import { describeSchema } from 'mesoscope/configuration';
import type { Study } from 'mesoscope/study';

/** The part of JSON Schema that configurations use. */
interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

const generated =
  '<!-- Written from the source by `npm run docs`; a test keeps it up to date. Do not edit. -->';

/** `docs/claims.md`: every claim's statement, what it measures, and the fields of an explicit instance. */
export function claimsPage(claims: readonly Claim[]): string {
  const letters = [...new Set(claims.map(({ paper }) => paper))];
  const sections = letters.flatMap((letter) => {
    const ofPaper = claims.filter(({ paper }) => paper === letter);
    const about = isPaper(letter) ? referenceLine(paperReference(letter)) : groupHeading(letter);
    return [`## ${letter}`, `${about}.`, ...ofPaper.map(claimSection)];
  });
  return page(
    'Claims',
    'Each claim runs with `npx mesoscope verify ID`, on your own instance with `--config file.json`. How far a stated form can be trusted: P stands in the paper’s abstract; S is the standard form of what the paper announces; D was derived for this project and confirmed independently.',
    sections,
  );
}

function claimSection({ id, title, statement, trust, references, given }: Claim) {
  return [
    `### ${id}`,
    `**${title}.** ${statement}`,
    `Trust: ${Object.entries(trust)
      .map(([part, level]) => `${part} ${level}`)
      .join(', ')}.`,
    ...(references ?? []).map((reference) => `See also: ${referenceLine(reference)}.`),
    fieldTable(describeSchema(given.schema)),
    given.data.length === 0
      ? ''
      : `Explicit data: ${given.data.map((name) => `\`${name}\``).join(', ')} go together; the other fields without them change the claim's own experiments.`,
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** `docs/studies.md`: what each study does, and the fields of its configuration. */
export function studiesPage(studies: readonly Study[]): string {
  return page(
    'Studies',
    'Each study runs with `npx mesoscope study NAME`; fields are set with `--set path=value` or `--config file.json`.',
    studies.map(({ name, title, description, schema }) =>
      [`## ${name}`, `**${title}.** ${description}`, fieldTable(describeSchema(schema))].join(
        '\n\n',
      ),
    ),
  );
}

function page(title: string, lead: string, sections: readonly string[]): string {
  return `${[generated, `# ${title}`, lead, ...sections].join('\n\n')}\n`;
}

function fieldTable(schema: Schema): string {
  const alternatives = schema.anyOf ?? schema.oneOf ?? [schema];
  return alternatives
    .map((alternative) => {
      const rows = fields(alternative, '').map(({ path, field }) => {
        const given = field.default === undefined ? '' : `\`${JSON.stringify(field.default)}\``;
        return [`\`${path}\``, typeName(field), given, field.description ?? '']
          .map(cell)
          .join(' | ');
      });
      return ['field | type | default | meaning', '--- | --- | --- | ---', ...rows]
        .map((row) => `| ${row} |`)
        .join('\n');
    })
    .join('\n\nor\n\n');
}

/** The fields of a schema by path, those of nested objects included: `heads[].Q`. */
function fields(schema: Schema, prefix: string): { path: string; field: Schema }[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const inner = field.type === 'array' ? (field.items ?? {}) : field;
    const nested = fields(inner, field.type === 'array' ? `${path}[]` : path);
    return [{ path, field }, ...nested];
  });
}

function typeName(schema: Schema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((one) => JSON.stringify(one)).join(', ');
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined) return [...new Set(alternatives.map(typeName))].join(' or ');
  if (schema.type === 'array') return `list of ${typeName(schema.items ?? {})}`;
  return schema.type ?? 'any';
}

/** A table's bars and line breaks would end the cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
