export function transpile(
  files: ReadonlyMap<string, string>,
  provided: ReadonlySet<string>,
): string;
