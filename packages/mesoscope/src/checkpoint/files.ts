/** Bytes that can be read in any order: a file, a blob of a browser, memory. */
export interface RandomAccess {
  /** As messages name it: `model.safetensors`. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** The bytes `from` ≤ i < `to`, which must lie within the file. */
  read(from: number, to: number): Promise<Uint8Array>;
}

/** A folder: its files by their path below it, with forward slashes. */
export interface Folder {
  /** As messages name it. */
  readonly name: string;
  readonly files: ReadonlyMap<string, RandomAccess>;
}

/** Bytes in memory as a file. */
export function memoryFile(path: string, bytes: Uint8Array): RandomAccess {
  return {
    path,
    size: bytes.length,
    read: (from, to) => Promise.resolve(bytes.subarray(from, to)),
  };
}

/** Files in memory as a folder. */
export function memoryFolder(name: string, files: Readonly<Record<string, Uint8Array>>): Folder {
  const entries = Object.entries(files).map(
    ([path, bytes]) => [path, memoryFile(path, bytes)] as const,
  );
  return { name, files: new Map(entries) };
}

/** The bytes `from` ≤ i < `to` of a file as a file. */
export function partOf(file: RandomAccess, from: number, to: number): RandomAccess {
  return {
    path: file.path,
    size: to - from,
    read: (first, last) => file.read(from + first, from + last),
  };
}

/** All bytes of a file. */
export function readWhole(file: RandomAccess): Promise<Uint8Array> {
  return file.read(0, file.size);
}

/** The folder of a path: `a/b` of `a/b/c`, and `''` of `c`. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** `name` in a folder; the folder may be `''`. */
export function pathIn(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}

/** The last part of a path. */
export function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The file of that name in a folder below `folder`, or in the nearest one above it. */
export function fileAbove({ files }: Folder, at: string, name: string): RandomAccess | undefined {
  for (let folder = at; ; folder = folderOf(folder)) {
    const file = files.get(pathIn(folder, name));
    if (file !== undefined || folder === '') return file;
  }
}
