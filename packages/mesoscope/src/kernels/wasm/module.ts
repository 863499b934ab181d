import { MesoscopeError } from '../../errors.ts';
import { relaxed, strict } from './generated/binaries.ts';
import { enableRelaxedSimd } from './platform.ts';

/** Which build of the kernels: `relaxed` fuses multiply and add, `strict` rounds after each, everywhere alike. */
export type WasmBuild = 'relaxed' | 'strict';

export interface KernelModule {
  readonly module: WebAssembly.Module;
  readonly build: WasmBuild;
}

/**
 * Compiles the kernels.
 *
 * @param build `auto`: relaxed SIMD where the engine has it
 * @param shared whether the memory to be imported is shared
 * @throws MesoscopeError `unsupported` if `relaxed` is asked for, and the engine does not have it
 */
export async function loadKernels(
  build: 'auto' | WasmBuild,
  shared: boolean,
): Promise<KernelModule> {
  if (build !== 'strict') {
    enableRelaxedSimd();
    const bytes = decode(relaxed, shared);
    if (WebAssembly.validate(bytes)) {
      return { module: await WebAssembly.compile(bytes), build: 'relaxed' };
    }
    if (build === 'relaxed') {
      throw new MesoscopeError({
        code: 'unsupported',
        what: 'relaxed SIMD',
        by: 'this WebAssembly engine',
        wayOut: "Use build: 'auto' or 'strict'.",
      });
    }
  }
  return { module: await WebAssembly.compile(decode(strict, shared)), build: 'strict' };
}

function decode(base64: string, shared: boolean): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  if (!shared) declareMemoryPrivate(bytes);
  return bytes;
}

/**
 * The module is compiled for a shared memory, and an engine accepts no private one in its place, although the code is
 * the same and atomic instructions are allowed on both. So where memory cannot be shared, the bit that says so is
 * cleared in the import: in section 2, after two names and the byte 2 for "memory", flags 3 (has a maximum, is
 * shared) become 1.
 */
function declareMemoryPrivate(bytes: Uint8Array): void {
  let at = 8;
  const unsigned = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (bytes[at] !== 2) {
    at++;
    const length = unsigned();
    at += length;
  }
  at++;
  unsigned();
  unsigned();
  for (let name = 0; name < 2; name++) {
    const length = unsigned();
    at += length;
  }
  if (bytes[at] !== 2 || bytes[at + 1] !== 3) {
    throw new Error('the first import of the kernels is not a shared memory');
  }
  bytes[at + 1] = 1;
}
