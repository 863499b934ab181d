import { MesoscopeError } from 'mesoscope';
import type { Claim } from 'mesoscope/claims';
import { configurationTemplate } from 'mesoscope/configuration';
import type { Study } from 'mesoscope/study';
import type { Environment } from '../environment.ts';
import { exitCode } from './options.ts';

/** `mesoscope template <claim | study>`: a complete commented configuration that runs as it is with `--config`. */
export async function templateCommand(
  name: string,
  { catalogue, stdout }: Environment,
): Promise<number> {
  const { claims, studies } = await catalogue();
  const { title, use, schema } = subject(name, claims, studies);
  const heading = { '//': `${title}. Run it with: mesoscope ${use} --config FILE` };
  const template = { ...heading, ...(configurationTemplate(schema) as object) };
  stdout.write(`${templateText(template)}\n`);
  return exitCode.done;
}

/** @throws MesoscopeError `unknown-name`, with the nearest name */
function subject(name: string, claims: readonly Claim[], studies: readonly Study[]) {
  const claim = claims.find(({ id }) => id === name);
  if (claim !== undefined) {
    return { title: claim.title, use: `verify ${name}`, schema: claim.given.schema };
  }
  const study = studies.find((one) => one.name === name);
  if (study !== undefined) {
    return { title: study.title, use: `study ${name}`, schema: study.schema };
  }
  const known = [...claims.map(({ id }) => id), ...studies.map((one) => one.name)];
  const kind = 'claim or study';
  throw new MesoscopeError({ code: 'unknown-name', kind, received: name, known });
}

/** JSON with lists of numbers on one line. */
function templateText(template: unknown): string {
  return JSON.stringify(template, null, 2).replace(
    /\[\s+(-?[\d.e+-]+(?:,\s+-?[\d.e+-]+)*)\s+\]/g,
    (_, numbers: string) => `[${numbers.split(/,\s+/).join(', ')}]`,
  );
}
