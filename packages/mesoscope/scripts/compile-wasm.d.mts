export function compileKernels(
  read: (path: string) => Promise<string>,
  features: readonly string[],
): Promise<Uint8Array<ArrayBuffer>>;
