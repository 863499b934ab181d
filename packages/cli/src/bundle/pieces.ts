import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { finiteJson } from 'mesoscope/configuration';
import { decodeTree, encodeTree } from 'mesoscope/formats';
import type { KeptPiece } from 'mesoscope/study';
import { onDisk, writeAtomically } from './atomic.ts';
import { giveSpaceBack } from './reserve.ts';

const folderName = 'pieces';

/** The pieces that a run under way has kept: one file each, replaced as a whole. */
export interface PieceStore {
  /** @throws MesoscopeError `file` if it is damaged */
  kept(index: number): KeptPiece | undefined;
  /**
   * Keeps a piece, on a full disk in the space that was set aside for it; the run ends there all the same.
   *
   * @throws MesoscopeError `file`; what was kept before is untouched
   */
  keep(index: number, piece: KeptPiece): void;
}

/** The pieces of a partial folder. @throws MesoscopeError `file` if they cannot be kept there */
export function openPieces(partial: string): PieceStore {
  const folder = join(partial, folderName);
  onDisk(folder, 'Choose another folder with --out.', () => mkdirSync(folder, { recursive: true }));
  const pathOf = (index: number) => join(folder, `${String(index).padStart(5, '0')}.bin`);
  return {
    kept(index) {
      const path = pathOf(index);
      if (!existsSync(path)) return undefined;
      const read = onDisk(path, 'Delete it: the piece will be computed again.', () =>
        readFileSync(path),
      );
      return decodeTree(read, path) as KeptPiece;
    },
    keep(index, piece) {
      const bytes = encodeTree(piece);
      try {
        writeAtomically(pathOf(index), bytes);
      } catch (cause) {
        if (giveSpaceBack(partial)) writeAtomically(pathOf(index), bytes);
        throw cause;
      }
    },
  };
}

/** Whether a partial folder holds any work. */
export function holdsPieces(partial: string): boolean {
  const folder = join(partial, folderName);
  return existsSync(folder) && readdirSync(folder).length > 0;
}

/** `metrics.jsonl`: the lines of all pieces, piece after piece. */
export function metricsText(pieces: readonly KeptPiece[]): string {
  return pieces
    .flatMap(({ metrics }) => metrics)
    .map((record) => `${JSON.stringify(finiteJson(record).value)}\n`)
    .join('');
}

export const metricsName = 'metrics.jsonl';
