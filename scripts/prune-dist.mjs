// Removes from `packages/*/dist` what was compiled from a source that is no more: the compiler leaves it there, and it would
// be published. Run by `npm run build`.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packages = fileURLToPath(new URL('../packages', import.meta.url));
for (const name of readdirSync(packages)) {
  const dist = join(packages, name, 'dist');
  if (!existsSync(dist)) continue;
  for (const file of readdirSync(dist, { recursive: true })) {
    const module = /^(.+?)(?:\.d\.ts|\.js)(?:\.map)?$/.exec(file)?.[1];
    if (module !== undefined && !existsSync(join(packages, name, 'src', `${module}.ts`))) {
      rmSync(join(dist, file));
    }
  }
}
