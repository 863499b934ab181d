import { MesoscopeError, version } from 'mesoscope';
import type { Claim } from 'mesoscope/claims';
import { finiteJson, parseConfiguration, preview } from 'mesoscope/configuration';
import { type CellValues, cellTask, type Study, type Sweep, sweepColumns } from 'mesoscope/study';
import type { BackendName } from '../host/backend.ts';
import type { Catalogue } from '../host/catalogue.ts';
import { hashOf } from '../input/hash.ts';
import { refuseUnfit } from '../input/instance.ts';

/** What decides the bits of a cell besides its configuration. */
export interface CellClass {
  readonly backend: BackendName;
  readonly precision: 'f64' | 'f32';
}

/** A cell of a plan. */
export interface PlannedCell {
  /** Content hash: of study, whole configuration, version and kernels. Equal work has equal ids. */
  readonly id: string;
  readonly values: CellValues;
}

/** Refused cells that a sentence lists. */
const mostListed = 5;

/**
 * Gives cells their ids, each checked against the study's schema; equal ones are planned once.
 *
 * @throws MesoscopeError `invalid-configuration` with the cells that the study refuses
 */
export function identify(
  sweep: Sweep,
  cells: readonly CellValues[],
  kernels: CellClass,
  catalogue: Catalogue,
): PlannedCell[] {
  const columns = sweepColumns(sweep);
  const whole = wholeConfigurations(sweep, catalogue);
  const planned = new Map<string, PlannedCell>();
  const refused: { readonly path: string; readonly message: string }[] = [];
  for (const values of cells) {
    try {
      const content = whole(values);
      const id = hashOf({ ...content, version, kernels }, 24);
      planned.set(id, planned.get(id) ?? { id, values });
    } catch (cause) {
      if (!(cause instanceof MesoscopeError)) throw cause;
      const path = columns.map((column, i) => `${column} = ${preview(values[i])}`).join(', ');
      refused.push({ path, message: cause.message.replace(/\s*\n\s*/g, ' ') });
    }
  }
  if (refused.length === 0) return [...planned.values()];
  const more = refused.length - mostListed;
  throw new MesoscopeError({
    code: 'invalid-configuration',
    subject: `${refused.length} of ${cells.length} cells`,
    issues: refused.slice(0, mostListed),
    wayOut: `${more > 0 ? `${more} more are refused. ` : ''}Leave them out by other values or a condition; nothing was written.`,
  });
}

/** The study and complete configuration of a cell, as it runs. @throws MesoscopeError what the study refuses */
function wholeConfigurations(
  sweep: Sweep,
  catalogue: Catalogue,
): (values: CellValues) => { readonly study: string; readonly configuration: unknown } {
  const { claim: id, setting } = sweep;
  const claim = id === undefined ? undefined : claimOf(id, catalogue);
  const study = sweptStudy(sweep, catalogue);
  const defaults = sweepDefaults(sweep, catalogue);
  return (values) => {
    const task = cellTask(sweep, values, defaults);
    const configuration = parseConfiguration(study.schema, task.configuration);
    if (claim === undefined) study.pieces(configuration);
    else {
      const { claims } = configuration as { readonly claims: readonly { instance: unknown }[] };
      refuseUnfit(claim, claims[0].instance, setting);
    }
    return { study: study.name, configuration: finiteJson(configuration).value };
  };
}

/**
 * What a cell runs where it sets nothing: the study's configuration, or the claim's own experiment. A study without defaults, such as
 * `probe`, may have them once the shared fields are known.
 */
export function sweepDefaults(sweep: Sweep, catalogue: Catalogue): unknown {
  const { claim, setting, configuration } = sweep;
  if (claim !== undefined) return claimOf(claim, catalogue).given.parse({}, setting);
  const { schema } = sweptStudy(sweep, catalogue);
  return (
    [{}, configuration].map((given) => schema.safeParse(given)).find(({ success }) => success)
      ?.data ?? {}
  );
}

function claimOf(id: string, { claims }: Catalogue): Claim {
  const found = claims.find((one) => one.id === id);
  if (found !== undefined) return found;
  const known = claims.map((one) => one.id);
  throw new MesoscopeError({ code: 'unknown-name', kind: 'claim', received: id, known });
}

/** What a sweep runs; one of study and claim is named. @throws MesoscopeError `invalid-value`, `unknown-name` */
export function sweptStudy(sweep: Sweep, catalogue: Catalogue): Study {
  const { study, claim } = sweep;
  if ((study === undefined) === (claim === undefined)) {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 'study',
      received: study ?? null,
      expected: 'either the name of a study or, as `claim`, the id of a claim',
    });
  }
  return catalogue.study(study ?? 'verify');
}
