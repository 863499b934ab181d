import { MesoscopeError } from 'mesoscope';
import {
  type Claim,
  type ClaimDocument,
  type ClaimOutcome,
  claimsDocument,
  type Setting,
} from 'mesoscope/claims';
import { hashOf } from './hash.ts';

/**
 * Refuses an instance that does not fit a claim, before any work.
 *
 * @throws MesoscopeError `invalid-configuration` with the claim's name and the way to a complete instance
 */
export function refuseUnfit(claim: Claim, given: unknown, setting: Setting): void {
  try {
    claim.given.pieces(claim.given.parse(given, setting));
  } catch (cause) {
    if (cause instanceof MesoscopeError && cause.fault.code === 'invalid-configuration') {
      const wayOut = `A complete instance to begin with: mesoscope template ${claim.id} > instance.json`;
      throw new MesoscopeError({ ...cause.fault, subject: claim.id, wayOut });
    }
    throw cause;
  }
}

/** A claim's document with a hash by which two instances can be told apart. */
export interface HashedDocument extends ClaimDocument {
  /** SHA-256 of the instance as JSON with sorted keys, its first 16 hexadecimal digits; null where the experiment threw. */
  readonly instanceHash: string | null;
}

/**
 * The documents of claims, each with the hash of the instance that ran.
 *
 * @param notes - what was changed in the user's files; stands in every document
 */
export function hashedDocuments(
  outcomes: readonly ClaimOutcome[],
  notes: readonly string[] = [],
): HashedDocument[] {
  return claimsDocument(outcomes).claims.map((document) => ({
    ...document,
    notes: [...notes, ...(document.notes ?? [])],
    instanceHash: document.instance === null ? null : hashOf(document.instance, 16),
  }));
}
