export interface Compiler {
  readonly command: readonly string[];
  readonly linking: readonly string[];
}

export interface CompileOptions {
  /** `linux-x64` …; default this one. */
  readonly platform?: string;
  /** Default `ownCompiler`. */
  readonly compiler?: Compiler;
}

export const platforms: Readonly<Record<string, { readonly zig: string }>>;
export const thisPlatform: string;
export const ownCompiler: Compiler;
export function kernelSources(): Promise<Map<string, string>>;
export function compileAddon(
  files: ReadonlyMap<string, string>,
  folder: string,
  options?: CompileOptions,
): Promise<void>;
export function compileKernels(
  files: ReadonlyMap<string, string>,
  folder: string,
  options?: CompileOptions,
): Promise<string[]>;
export function linkProgram(
  name: string,
  objects: readonly string[],
  target: string,
  options: CompileOptions,
  more: readonly string[],
): Promise<void>;
