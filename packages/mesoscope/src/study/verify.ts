import * as z from 'zod';
import { type Claim, concludeClaim } from '../claims/claim.ts';
import type { Setting } from '../claims/given.ts';
import { claims as builtIn, claimById } from '../claims/registry.ts';
import type { ClaimOutcome } from '../claims/run.ts';
import { type ErrorData, errorData, errorOf } from '../errors.ts';
import { Interrupted, type Study } from './study.ts';

const schema = z.strictObject({
  seed: z.int().min(0).default(1).describe('of all random streams'),
  setting: z.enum(['quick', 'full']).default('quick').describe('size of the experiments'),
  claims: z
    .array(
      z.strictObject({
        id: z.string().describe('of the claim'),
        instance: z
          .record(z.string(), z.unknown())
          .default({})
          .describe("fields of the claim's own experiment, or of explicit data"),
      }),
    )
    .default([])
    .describe('claims to run, in order'),
});

export type Verification = z.infer<typeof schema>;

/** One piece of a claim's measurement, or why there is none. */
export type MeasuredPiece =
  | { readonly measured: unknown; readonly seconds: number }
  | { readonly error: ErrorData; readonly seconds: number };

/** A claim of a verification, with the pieces of the study that are its own. */
interface PlannedClaim {
  readonly claim: Claim;
  readonly given: unknown;
  readonly first: number;
  readonly count: number;
}

/** The study that runs claims: its pieces are those of all their measurements, claim after claim. */
export function verifyStudy(among: readonly Claim[] = builtIn): Study<Verification, MeasuredPiece> {
  const planned = new WeakMap<Verification, readonly PlannedClaim[]>();
  const planOf = (configuration: Verification) => {
    const plan = planned.get(configuration) ?? planClaims(configuration, among);
    planned.set(configuration, plan);
    return plan;
  };
  const at = (configuration: Verification, index: number) => {
    const found = planOf(configuration).find(({ first, count }) => index < first + count);
    if (found === undefined) throw new RangeError(`no piece ${index}`);
    return found;
  };
  return {
    name: 'verify',
    title: 'Verified claims',
    description: 'Runs claims and draws their verdicts.',
    schema,
    pieces: (configuration) => planOf(configuration).reduce((sum, { count }) => sum + count, 0),
    label: (configuration, index) => {
      const { claim } = at(configuration, index);
      return `${claim.id}: ${claim.given.label}`;
    },
    weight: (configuration, index) => 1 / at(configuration, index).count,
    async piece(configuration, { backend, corpus, images, trainedModel, index, progress }) {
      const { claim, given, first } = at(configuration, index);
      const { seed } = configuration;
      const start = performance.now();
      const seconds = () => (performance.now() - start) / 1000;
      try {
        const data = { corpus, images, trainedModel };
        const context = { backend, data, given, seed, index: index - first, progress };
        return { measured: await claim.measure(context), seconds: seconds() };
      } catch (cause) {
        if (cause instanceof Interrupted) throw cause;
        return { error: errorData(cause), seconds: seconds() };
      }
    },
    milestone(configuration, pieces, index) {
      const one = at(configuration, index);
      const own = pieces.slice(one.first, one.first + one.count);
      const ended = own.filter((piece) => piece !== undefined);
      return ended.length < one.count
        ? undefined
        : outcomeLine(outcomeOf(one, ended, configuration.seed));
    },
    finish: (configuration, pieces) => ({
      claims: planOf(configuration).map((one) =>
        outcomeOf(one, pieces.slice(one.first, one.first + one.count), configuration.seed),
      ),
      sections: [],
      arrays: {},
      headline: {},
      status: { kind: 'completed', message: 'All selected claims were run.' },
    }),
  };
}

/** @throws MesoscopeError `unknown-name`, `invalid-configuration` before any work */
function planClaims(
  { claims, setting }: Verification,
  among: readonly Claim[],
): readonly PlannedClaim[] {
  let first = 0;
  return claims.map(({ id, instance }) => {
    const claim = claimById(id, among);
    const given = claim.given.parse(instance, setting as Setting);
    const planned = { claim, given, first, count: claim.given.pieces(given) };
    first += planned.count;
    return planned;
  });
}

function outcomeOf(
  { claim, given }: PlannedClaim,
  pieces: readonly MeasuredPiece[],
  seed: number,
): ClaimOutcome {
  const seconds = pieces.reduce((sum, piece) => sum + piece.seconds, 0);
  const measured: unknown[] = [];
  for (const piece of pieces) {
    if ('error' in piece) return { claim, seconds, error: errorOf(piece.error) };
    measured.push(piece.measured);
  }
  try {
    return { claim, seconds, finding: concludeClaim(claim, measured, { given, seed }) };
  } catch (cause) {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    return { claim, seconds, error };
  }
}

/** `A.euler-order holds, 4.2 s`. */
function outcomeLine(outcome: ClaimOutcome): string {
  const { claim, seconds } = outcome;
  const verdict =
    'finding' in outcome ? outcome.finding.verdict : `stopped: ${outcome.error.message}`;
  return `${claim.id} ${verdict}, ${seconds.toFixed(1)} s`;
}
