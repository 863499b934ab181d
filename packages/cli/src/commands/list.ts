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
  stdout.write('Studies (mesoscope study NAME)\n\n');
  for (const study of studies) {
    stdout.write(`  ${study.name}\n${paragraph(study.description)}\n`);
  }
  stdout.write('\nClaims (mesoscope verify ID …, or a paper’s letter)\n');
  for (const [letter, paper] of Object.entries(papers)) {
    const ofPaper = claims.filter((claim) => claim.paper === letter);
    if (ofPaper.length === 0) continue;
    stdout.write(`\n  ${letter}  ${paper.authors}, arXiv ${paper.arxiv}\n`);
    const width = Math.max(...ofPaper.map((claim) => claim.id.length));
    for (const claim of ofPaper) {
      stdout.write(`     ${claim.id.padEnd(width)}  ${claim.title}\n`);
    }
  }
  return exitCode.done;
}

function paragraph(text: string): string {
  return `     ${wrap(text, 90).replaceAll('\n', '\n     ')}`;
}

function studyEntry({ name, title, description, schema }: Study) {
  return { name, title, description, configuration: describeSchema(schema) };
}

function claimEntry(claim: Claim) {
  const { id, paper, title, statement, trust, quantity } = claim;
  const instance = describeSchema(claimSchema(claim));
  return { id, paper, title, statement, trust, quantity, instance };
}
