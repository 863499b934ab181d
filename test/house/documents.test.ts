import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

/** What README, guide and CONTRIBUTING name is there. */

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const written = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' })
  .trim()
  .split('\n');
const there = (path: string, ...folders: readonly string[]) =>
  folders.some((folder) => existsSync(join(root, folder, path)));

/** Words between backticks that are paths: with a slash, without a letter that stands for others. */
function paths(text: string): string[] {
  return [...text.matchAll(/`([\w.-]+(?:\/[\w.-]*)+)`/g)].map(([, path]) => path);
}

describe('CONTRIBUTING.md', () => {
  const contributing = read('CONTRIBUTING.md');

  it('names paths that are there', () => {
    const built = 'docs/.vitepress/dist';
    const named = paths(contributing).filter((path) => path !== built);
    expect(named.length).toBeGreaterThan(25);
    expect(named.filter((path) => !there(path, '', 'packages/mesoscope/src'))).toEqual([]);
  });

  it('tells where a new thing goes, and what to imitate', () => {
    const rows = [...contributing.matchAll(/^\| ([\w ]+) \|.+\|.+\|.+\|$/gm)].map(
      ([, what]) => what,
    );
    expect(rows).toEqual(
      expect.arrayContaining(['field', 'scheme', 'backend', 'claim', 'study', 'figure mark']),
    );
  });
});

describe('docs/notes/inputs.md', () => {
  const rows = [
    ...read('docs/notes/inputs.md').matchAll(/^\| .* \| `([^`]+)`(?:: "(.+)")?.* \|$/gm),
  ];

  it('names a test for every fault', () => {
    expect(rows.length).toBeGreaterThan(50);
    expect(
      rows.filter(([, path, test = '']) => !there(path, '') || !read(path).includes(test)),
    ).toEqual([]);
  });

  it('has no fault without one', () => {
    const lines = read('docs/notes/inputs.md').match(/^\| (?!fault).*/gm) ?? [];
    expect(lines).toHaveLength(rows.length);
  });
});

it.each(written)('%s links to files that are there', (page) => {
  const links = [...read(page).matchAll(/\]\(([\w./-]+?)(?:#[\w-]*)?\)/g)].map(([, link]) => link);
  expect(links.filter((link) => link.includes('/') && !there(link, dirname(page)))).toEqual([]);
});

it('scripts that are asked for exist', () => {
  const { scripts } = JSON.parse(read('package.json'));
  const asked = written.flatMap((page) =>
    [...read(page).matchAll(/npm run (?:-s )?([\w:]+)/g)].map(([, script]) => script),
  );
  expect(asked.filter((script) => !(script in scripts))).toEqual([]);
});

describe('the root of the library', () => {
  const file = join(root, 'packages/mesoscope/src/index.ts');
  const program = ts.createProgram([file], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    allowImportingTsExtensions: true,
    noEmit: true,
    types: [],
  });
  const checker = program.getTypeChecker();
  const exported = checker
    .getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)!)!)
    .map((symbol) => ({
      name: symbol.name,
      comment: checker.getAliasedSymbol(symbol).getDocumentationComment(checker),
    }));

  it('is what most people need: about seventy names', () => {
    expect(exported.length).toBeGreaterThan(50);
    expect(exported.length).toBeLessThanOrEqual(70);
  });

  it('has a comment on every name', () => {
    expect(exported.filter(({ comment }) => comment.length === 0).map(({ name }) => name)).toEqual(
      [],
    );
  });

  it('is told of in README or guide', () => {
    const told = read('README.md') + read('docs/guide.md');
    const silent = exported.filter(({ name }) => !new RegExp(`\\b${name}\\b`).test(told));
    expect(silent.map(({ name }) => name)).toEqual([]);
  });
});
