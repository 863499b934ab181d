import { leadingCheck } from '../../claims/claim.ts';
import type { ClaimOutcome } from '../../claims/run.ts';
import type { StudyResult } from '../study.ts';

/** One value of a cell. Numbers that JSON does not have are words: `NaN`, `Infinity`. */
export type CellEntry = number | string | boolean | null;

/** What a cell leaves: its columns by name. The same for the same cell, on any machine and number of threads. */
export interface CellOutcome {
  readonly status: StudyResult['status']['kind'];
  /** Why a run diverged; empty where it has not. */
  readonly message: string;
  readonly columns: Readonly<Record<string, CellEntry>>;
}

/** A run as one line of a table: its headline, and of each claim verdict, first check and the numbers among its evidence. */
export function cellOutcome({ headline, claims, status }: StudyResult): CellOutcome {
  const [only, ...others] = claims;
  const prefix = ({ claim }: ClaimOutcome) => (others.length === 0 && only ? '' : `${claim.id} `);
  const columns = [
    ...Object.entries(headline),
    ...claims.flatMap((outcome) =>
      claimColumns(outcome).map(([name, value]) => [`${prefix(outcome)}${name}`, value] as const),
    ),
  ].map(([name, value]) => [name, entry(value)] as const);
  return {
    status: status.kind,
    message: status.kind === 'completed' ? '' : status.message,
    columns: Object.fromEntries(columns),
  };
}

function claimColumns(outcome: ClaimOutcome): (readonly [string, unknown])[] {
  if ('error' in outcome)
    return [['verdict', 'error'] as const, ['reason', outcome.error.message] as const];
  const { finding } = outcome;
  const { measured, interval, check } = leadingCheck(finding);
  return [
    ['verdict', finding.verdict],
    ['measured', measured],
    ['low', interval?.[0] ?? measured],
    ['high', interval?.[1] ?? measured],
    ['expected', check?.expected ?? null],
    ...Object.entries(finding.evidence).filter(([, value]) => typeof value === 'number'),
  ];
}

function entry(value: unknown): CellEntry {
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  return typeof value === 'string' || typeof value === 'boolean' ? value : null;
}

/** A value as a number again; undefined where it is none. */
export function numberOf(value: CellEntry | undefined): number | undefined {
  if (typeof value === 'number') return value;
  const words = ['NaN', 'Infinity', '-Infinity'];
  return typeof value === 'string' && words.includes(value) ? Number(value) : undefined;
}
