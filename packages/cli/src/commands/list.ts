import { type Claim, groupHeading } from 'mesoscope/claims';
import { describeSchema } from 'mesoscope/configuration';
import type { Study } from 'mesoscope/study';
import { wrap } from 'mesoscope-view';
import type { Environment } from '../environment.ts';
import { exitCode } from './options.ts';

/** `mesoscope list`: the studies and claims that can be run. */
export async function listCommand(
  options: { readonly json?: boolean },
  { catalogue, stdout }: Environment,
): Promise<number> {
  const { claims, studies } = await catalogue();
  if (options.json) {
    const document = { studies: studies.map(studyEntry), claims: claims.map(claimEntry) };
    stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    return exitCode.done;
  }
  const columns = stdout.columns ?? defaultColumns;
  const line = (text: string, lead: string, hanging: number) =>
    stdout.write(`${indented(text, columns, lead, hanging)}\n`);
  line('Studies (mesoscope study NAME)', '', 0);
  for (const study of studies) {
    stdout.write('\n');
    line(study.name, '  ', 4);
    line(study.description, '     ', 5);
  }
  stdout.write('\n');
  line('Claims (mesoscope verify ID …, or a paper’s letter)', '', 0);
  for (const letter of new Set(claims.map(({ paper }) => paper))) {
    const ofPaper = claims.filter((claim) => claim.paper === letter);
    stdout.write('\n');
    line(groupHeading(letter), `  ${letter}  `, 5);
    const width = 7 + Math.max(...ofPaper.map((claim) => claim.id.length));
    const beside = columns >= width + leastTitle;
    for (const { id, title } of ofPaper) {
      if (beside) line(title, `     ${id}`.padEnd(width), width);
      else line(`${id} ${title}`, '     ', 7);
    }
  }
  return exitCode.done;
}

/** Columns of a line where the output is no terminal. */
const defaultColumns = 95;

/** Columns for titles at the least, if ids stand beside them. */
const leastTitle = 30;

/** A text broken to fit `columns`: `lead` before its first line, `hanging` spaces before the others. */
function indented(text: string, columns: number, lead: string, hanging: number): string {
  return (
    lead + wrap(text, Math.max(20, columns - hanging)).replaceAll('\n', `\n${' '.repeat(hanging)}`)
  );
}

function studyEntry({ name, title, description, schema }: Study) {
  return { name, title, description, configuration: describeSchema(schema) };
}

function claimEntry({ id, paper, title, statement, trust, given }: Claim) {
  return { id, paper, title, statement, trust, instance: describeSchema(given.schema) };
}
