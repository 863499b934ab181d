import {
  dataStart,
  directoryReach,
  findDirectory,
  inflateEntry,
  localHeaderBytes,
  readDirectory,
  type ZipPlace,
} from '../../formats/zip.ts';
import { memoryFile, partOf, type RandomAccess } from '../files.ts';
import { unreadable } from '../refusal.ts';

/** Bytes that a directory, or one deflated file, may take. */
const budget = 2 ** 26;

/** The files of a .zip by name, found by its directory alone. @throws MesoscopeError `file` */
export async function openZip(archive: RandomAccess): Promise<ReadonlyMap<string, ZipPlace>> {
  const { path, size } = archive;
  const tail = await archive.read(Math.max(0, size - directoryReach), size);
  const { count, offset } = findDirectory(tail, size, path);
  if (offset > size || size - offset > budget) {
    throw unreadable(path, 'its directory is not where it says');
  }
  const places = readDirectory(await archive.read(offset, size), count, path);
  return new Map(places.map((place) => [place.name, place]));
}

/**
 * One file of an archive: a part of it if it is stored, inflated into memory if it is deflated.
 *
 * @throws MesoscopeError `file`; for a deflated file of more than 64 MiB too
 */
export async function openZipFile(archive: RandomAccess, place: ZipPlace): Promise<RandomAccess> {
  const path = `${archive.path}/${place.name}`;
  const { header, size, deflated, packedSize } = place;
  const local = await archive.read(header, Math.min(header + localHeaderBytes, archive.size));
  const start = dataStart(place, local, archive.size, archive.path);
  if (!deflated) return { ...partOf(archive, start, start + size), path };
  if (size > budget) {
    throw unreadable(path, `it is deflated and has ${size} bytes`, 'Store it without compression.');
  }
  const packed = await archive.read(start, start + packedSize);
  return memoryFile(path, inflateEntry({ ...place, packed }, path));
}
