import { MesoscopeError } from 'mesoscope';
import { claims as builtInClaims, type Claim } from 'mesoscope/claims';
import {
  studies as builtInStudies,
  probeStudy,
  type Study,
  studyByName,
  surgeryStudy,
  verifyStudy,
} from 'mesoscope/study';

/** Every claim and study that can be run: those of the library, and of modules of the user's own. */
export interface Catalogue {
  readonly claims: readonly Claim[];
  /** Without `verify`, `probe` and `surgery`, which are commands of their own. */
  readonly studies: readonly Study[];
  /** Of the modules. */
  readonly own: { readonly claims: readonly Claim[]; readonly studies: readonly Study[] };
  /** By name, `verify`, `probe` and `surgery` included. @throws MesoscopeError `unknown-name` */
  study(name: string): Study;
}

/** The catalogue of the library with what some modules export added: claims have an `id`, studies a `name` and a `schema`. */
export async function loadCatalogue(modules: readonly string[]): Promise<Catalogue> {
  const loaded = await Promise.all(modules.map(exportsOf));
  const own = loaded.flat();
  return catalogueOf({
    claims: own.filter((one): one is Claim => isClaim(one)),
    studies: own.filter((one): one is Study => isStudy(one)),
  });
}

/** The library's claims and studies with some besides. @throws MesoscopeError `invalid-value` for a name that is taken */
export function catalogueOf(
  own: Catalogue['own'],
  base: Pick<Catalogue, 'claims' | 'studies'> = { claims: builtInClaims, studies: builtInStudies },
): Catalogue {
  const names = [
    ...base.claims.map(({ id }) => id),
    ...base.studies.map(({ name }) => name),
    'verify',
    probeStudy.name,
    surgeryStudy.name,
  ];
  for (const name of [...own.claims.map(({ id }) => id), ...own.studies.map((one) => one.name)]) {
    if (!names.includes(name)) continue;
    throw new MesoscopeError({
      code: 'invalid-value',
      path: 'name of an own claim or study',
      received: name,
      expected: 'a name that the program does not use itself',
    });
  }
  const claims = [...base.claims, ...own.claims];
  const studies = [...base.studies, ...own.studies];
  const verify = verifyStudy(claims) as Study;
  const commands = [verify, probeStudy as Study, surgeryStudy as Study];
  return {
    claims,
    studies,
    own,
    study: (name) => commands.find((one) => one.name === name) ?? studyByName(name, studies),
  };
}

async function exportsOf(module: string): Promise<unknown[]> {
  let loaded: object;
  try {
    loaded = (await import(module)) as object;
  } catch (cause) {
    throw new MesoscopeError({
      code: 'file',
      path: module,
      reason: `it cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      wayOut: 'An own claim or study is a JavaScript module (ESM) that exports it.',
    });
  }
  const found = Object.values(loaded).filter((one) => isClaim(one) || isStudy(one));
  if (found.length > 0) return found;
  throw new MesoscopeError({
    code: 'file',
    path: module,
    reason: `it exports no claim and no study (exports: ${Object.keys(loaded).join(', ') || 'none'})`,
    wayOut:
      'Export what `claim({ id, … })` returns, or a study with name, schema, pieces, piece and finish.',
  });
}

function isClaim(value: unknown): value is Claim {
  return has(value, 'id', 'given', 'measure', 'conclude');
}

function isStudy(value: unknown): value is Study {
  return has(value, 'name', 'schema', 'pieces', 'piece', 'finish');
}

function has(value: unknown, ...keys: readonly string[]): boolean {
  return typeof value === 'object' && value !== null && keys.every((key) => key in value);
}
