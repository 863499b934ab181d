import { finiteJson } from '../configuration/finite-json.ts';
import { MesoscopeError } from '../errors.ts';
import { type Claim, type Expected, papers } from './claim.ts';
import type { ClaimOutcome } from './run.ts';

/** One claim as it stands in `verify --json` and in `run.json`. Holds no number that JSON does not have. */
export interface ClaimDocument {
  readonly id: string;
  readonly paper: string;
  readonly arxiv: string;
  readonly title: string;
  readonly statement: string;
  readonly trust: string;
  readonly quantity: string;
  readonly assumptions: unknown;
  readonly evidence: unknown;
  readonly measured: unknown;
  /** The expected value, or the bound. */
  readonly expected: unknown;
  /** What `measured` must be to `expected`. */
  readonly relation: Expected['kind'] | null;
  /** The stated bias bound by which the interval is widened, for `value`. */
  readonly tolerance: unknown;
  readonly interval: unknown;
  /** `null`: the experiment threw, see `error`. */
  readonly verdict: string | null;
  readonly summary: string;
  readonly seconds: number;
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
      evidence: {},
      measured: null,
      expected: null,
      relation: null,
      tolerance: null,
      interval: null,
      verdict: null,
      summary: `The experiment stopped: ${outcome.error.message}`,
      seconds,
      error: {
        code: outcome.error instanceof MesoscopeError ? outcome.error.fault.code : 'internal',
        message: outcome.error.message,
      },
    };
  }
  const { finding } = outcome;
  const { value, notes } = finiteJson({
    assumptions: finding.assumptions,
    evidence: finding.evidence,
    measured: finding.measured,
    expected: finding.expected.value,
    interval: finding.interval,
  });
  const numbers = value as Pick<
    ClaimDocument,
    'assumptions' | 'evidence' | 'measured' | 'expected' | 'interval'
  >;
  return {
    ...heading(claim),
    ...numbers,
    relation: finding.expected.kind,
    tolerance: finding.expected.kind === 'value' ? (finding.expected.tolerance ?? 0) : null,
    verdict: finding.verdict,
    summary: finding.summary,
    seconds,
    ...(notes.length > 0 ? { notes } : {}),
  };
}

function heading(claim: Claim) {
  const { id, paper, title, statement, trust, quantity } = claim;
  return { id, paper, arxiv: papers[paper].arxiv, title, statement, trust, quantity };
}
