import { MesoscopeError } from 'mesoscope';
import type { Claim } from 'mesoscope/claims';
import { configurationTemplate } from 'mesoscope/configuration';
import type { Study } from 'mesoscope/study';
import type { Environment } from '../environment.ts';
import { exitCode } from './options.ts';

/**
 * `mesoscope template <claim | study>`: a complete commented configuration that runs as it is with `--config`. That of a claim
 * has the fields of its own experiments, and in a comment those of explicit data.
 */
export async function templateCommand(
  name: string,
  { catalogue, stdout }: Environment,
): Promise<number> {
  const { claims, studies } = await catalogue();
  const { title, use, schema, explicit } = subject(name, claims, studies);
  const template = {
    '//': `${title}. Run it with: mesoscope ${use} --config FILE`,
    ...(configurationTemplate(schema) as object),
    ...(explicit === undefined
      ? {}
      : { '// or, instead of all above, data of your own': configurationTemplate(explicit) }),
  };
  stdout.write(`${templateText(template)}\n`);
  return exitCode.done;
}

/** @throws MesoscopeError `unknown-name`, with the nearest name */
function subject(name: string, claims: readonly Claim[], studies: readonly Study[]) {
  const claim = claims.find(({ id }) => id === name);
  if (claim !== undefined) {
    const { ownSchema, explicitSchema, data } = claim.given;
    const explicit = data.length > 0 ? explicitSchema : undefined;
    return { title: claim.title, use: `verify ${name}`, schema: ownSchema, explicit };
  }
  const study = studies.find((one) => one.name === name);
  if (study !== undefined) {
    return { title: study.title, use: `study ${name}`, schema: study.schema, explicit: undefined };
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
