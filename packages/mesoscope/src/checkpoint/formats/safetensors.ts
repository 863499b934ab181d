import {
  readSafetensorsHeader,
  safetensorsDataStart,
  safetensorsLead,
} from '../../formats/safetensors.ts';
import type { RandomAccess } from '../files.ts';
import { unreadable } from '../refusal.ts';
import { placedTensor, type Tensor } from '../tensor.ts';
import { plainCodec } from './codec.ts';

/** Bytes that a header may have: about a hundred thousand tensors. */
const longestHeader = 2 ** 24;

/**
 * The tensors of one safetensors file, by its header alone.
 *
 * @throws MesoscopeError `file`, naming the tensor
 */
export async function readSafetensors(file: RandomAccess): Promise<Tensor[]> {
  const { path, size } = file;
  const lead = await file.read(0, Math.min(safetensorsLead, size));
  const dataStart = safetensorsDataStart(lead, size, path);
  if (dataStart > longestHeader) {
    throw unreadable(path, `its header is ${dataStart} bytes long, more than ${longestHeader}`);
  }
  const beginning = await file.read(0, dataStart);
  const budget = Number.POSITIVE_INFINITY;
  return readSafetensorsHeader(beginning, size, path, { budget }).map((place) =>
    placedTensor({ ...place, codec: plainCodec(place.type), file }),
  );
}
