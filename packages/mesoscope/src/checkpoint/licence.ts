import { type Folder, fileName, folderOf } from './files.ts';

/** Bytes of a text that are looked at. */
const beginning = 2 ** 16;

/** Where a licence is said, most telling first: the file, and how it says it. */
const sayings: readonly (readonly [file: RegExp, saying: RegExp])[] = [
  // A model card of Hugging Face: YAML between two lines of dashes.
  [/^README\.md$/i, /^---\n[\s\S]*?^license:[ \t]*["']?([^"'\n]+?)["']?[ \t]*$/m],
  [/^METADATA$/, /^License-Expression: (.+)$/m],
  [/^METADATA$/, /^License: (.+)$/m],
  [/^package\.json$/, /"license"\s*:\s*"([^"]+)"/],
  [/^(LICEN[CS]E|COPYING)(\.\w+)?$/i, /^[#\s]*(\S.*)$/m],
  [/^METADATA$/, /^Classifier: License :: (?:OSI Approved :: )?(.+)$/m],
];

/**
 * What a folder says about the licence of a checkpoint, and where: `MIT (rxnmapper-0.4.3.dist-info/METADATA)`. Files
 * count that stand with the checkpoint, in a folder above it, or in a package's description.
 *
 * @param at - the checkpoint's folder
 */
export async function readLicence({ files }: Folder, at: string): Promise<string | undefined> {
  const above = (folder: string) => folder === '' || `${at}/`.startsWith(`${folder}/`);
  const paths = [...files.keys()].filter(
    (path) => above(folderOf(path)) || /\.dist-info(\/licenses)?\/[^/]+$/.test(path),
  );
  // The nearer to the checkpoint, the more it is about it.
  paths.sort(
    (a, b) => Number(above(folderOf(b))) - Number(above(folderOf(a))) || b.length - a.length,
  );
  for (const [named, saying] of sayings) {
    for (const path of paths.filter((one) => named.test(fileName(one)))) {
      const file = files.get(path);
      const bytes = await file?.read(0, Math.min(beginning, file.size));
      const said = new TextDecoder().decode(bytes).match(saying)?.[1].trim();
      if (said) return `${said} (${path})`;
    }
  }
  return undefined;
}
