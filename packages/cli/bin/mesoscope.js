#!/usr/bin/env node
import { existsSync } from 'node:fs';

const entry = new URL('../dist/main.js', import.meta.url);
if (existsSync(entry)) {
  const { main } = await import(entry.href);
  await main();
} else {
  process.stderr.write(
    'Mesoscope is not built yet: run `npm run build` in the repository, then try again.\n',
  );
  process.exitCode = 2;
}
