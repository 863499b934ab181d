export function kernelSources(): Promise<Map<string, string>>;
export function compileAddon(
  files: ReadonlyMap<string, string>,
  folder: string,
  compiler?: string,
): Promise<void>;
