import { type Claim, describeSchema, papers, type Study } from 'mesoscope';
import type { Environment } from '../environment.ts';
import { claimSchema } from '../input/instance.ts';
import { wrap } from '../terminal/table.ts';
import { exitCode } from './options.ts';

/** `mesoscope list`: the studies and claims that can be run. */
export function listCommand(
  options: { readonly json?: boolean },
  environment: Environment,
): number {
  const { claims, studies, stdout } = environment;
  if (options.json) {
    const document = { studies: studies.map(studyEntry), claims: claims.map(claimEntry) };
    stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    return exitCode.done;
  }
  const columns = stdout.columns ?? defaultColumns;
  const line = (text: string, indent: number, hanging = indent) =>
    stdout.write(`${indented(text, columns, indent, hanging)}\n`);
  line('Studies (mesoscope study NAME)', 0);
  for (const study of studies) {
    stdout.write('\n');
    line(study.name, 2);
    line(study.description, 5);
  }
  stdout.write('\n');
  line('Claims (mesoscope verify ID …, or a paper’s letter)', 0);
  for (const [letter, paper] of Object.entries(papers)) {
    const ofPaper = claims.filter((claim) => claim.paper === letter);
    if (ofPaper.length === 0) continue;
    stdout.write('\n');
    line(`${letter} ${paper.authors}, arXiv ${paper.arxiv}`, 2, 4);
    const width = Math.max(...ofPaper.map((claim) => claim.id.length));
    const beside = columns >= width + leastTitle;
    for (const { id, title } of ofPaper) {
      if (beside)
        stdout.write(
          `     ${id.padEnd(width)}${indented(title, columns - width - 5, 2, 7 + width)}\n`,
        );
      else line(`${id} ${title}`, 5, 7);
    }
  }
  return exitCode.done;
}

/** Columns of a line where the output is no terminal. */
const defaultColumns = 95;

/** Columns that ids leave to titles at the least, indentation included, if both stand on one line. */
const leastTitle = 35;

/** A text broken to fit `columns`, its first line and its others set in. */
function indented(text: string, columns: number, first: number, others: number): string {
  const lines = wrap(text, Math.max(20, columns - first)).split('\n');
  return lines.map((line, i) => ' '.repeat(i === 0 ? first : others) + line).join('\n');
}

function studyEntry({ name, title, description, schema }: Study) {
  return { name, title, description, configuration: describeSchema(schema) };
}

function claimEntry(claim: Claim) {
  const { id, paper, title, statement, trust, quantity } = claim;
  const instance = describeSchema(claimSchema(claim));
  return { id, paper, title, statement, trust, quantity, instance };
}
