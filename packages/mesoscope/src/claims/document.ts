import { finiteJson } from '../configuration/finite-json.ts';
import { MesoscopeError } from '../errors.ts';
import { type Claim, leadingCheck } from './claim.ts';
import { paperOf } from './papers.ts';
import type { ClaimOutcome } from './run.ts';

/** One claim as it stands in `verify --json` and in `run.json`. Holds no number that JSON does not have. */
export interface ClaimDocument {
  readonly id: string;
  readonly paper: string;
  /** Of the paper; null for a claim that is no paper's. */
  readonly arxiv: string | null;
  readonly title: string;
  readonly statement: string;
  readonly trust: Claim['trust'];
  /** Hypotheses of the theorem. */
  readonly assumptions: unknown;
  readonly resolution: unknown;
  readonly checks: unknown;
  readonly evidence: unknown;
  /** Those of the first check. */
  readonly measured: unknown;
  readonly expected: unknown;
  readonly interval: unknown;
  /** `null`: the experiment threw, see `error`. */
  readonly verdict: string | null;
  readonly summary: string;
  readonly seconds: number;
  /** The instance that ran, with its defaults. */
  readonly instance: unknown;
  readonly error?: { readonly code: string; readonly message: string };
  /** Numbers that JSON does not have and what stands for them. */
  readonly notes?: readonly string[];
}

/** The JSON form of claims: `{ claims: [ … ] }`. */
export function claimsDocument(outcomes: readonly ClaimOutcome[]): {
  readonly claims: readonly ClaimDocument[];
} {
  return { claims: outcomes.map(claimDocument) };
}

/** The JSON form of one claim's outcome. */
export function claimDocument(outcome: ClaimOutcome): ClaimDocument {
  const { claim, seconds } = outcome;
  if ('error' in outcome) {
    return {
      ...heading(claim),
      assumptions: [],
      resolution: [],
      checks: [],
      evidence: {},
      measured: null,
      expected: null,
      interval: null,
      verdict: null,
      summary: `The experiment stopped: ${outcome.error.message}`,
      seconds,
      instance: null,
      error: {
        code: outcome.error instanceof MesoscopeError ? outcome.error.fault.code : 'internal',
        message: outcome.error.message,
      },
    };
  }
  const { finding } = outcome;
  const { measured, interval, check } = leadingCheck(finding);
  const { assumptions, resolution, checks, evidence, given } = finding;
  const { value, notes } = finiteJson({
    assumptions,
    resolution,
    checks,
    evidence,
    instance: given,
    measured,
    expected: check?.expected ?? null,
    interval,
  });
  const numbers = value as Pick<
    ClaimDocument,
    | 'assumptions'
    | 'resolution'
    | 'checks'
    | 'evidence'
    | 'instance'
    | 'measured'
    | 'expected'
    | 'interval'
  >;
  const document: ClaimDocument = {
    ...heading(claim),
    ...numbers,
    verdict: finding.verdict,
    summary: finding.summary,
    seconds,
  };
  return notes.length === 0 ? document : { ...document, notes };
}

function heading({ id, paper, title, statement, trust }: Claim) {
  return { id, paper, arxiv: paperOf(paper)?.arxiv ?? null, title, statement, trust };
}
