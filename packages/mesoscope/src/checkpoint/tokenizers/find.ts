import { type Folder, fileAbove } from '../files.ts';
import { readJsonObject } from '../json-file.ts';
import { type TokenizerSource, tokenizerOf } from '../tokenizer.ts';
import { readVocabulary, symbolTokenizer, wordPieceTokenizer } from './vocabulary.ts';

/**
 * The tokeniser of a checkpoint: a tokenizer.json in its folder or above, else a vocab.txt. Undefined where there is
 * neither.
 *
 * @param at - the checkpoint's folder
 * @param config - of the checkpoint: causal models frame no text
 */
export function findTokenizer(
  folder: Folder,
  at: string,
  config: Readonly<Record<string, unknown>>,
): TokenizerSource | undefined {
  const settings = async (): Promise<Readonly<Record<string, unknown>>> => {
    const file = fileAbove(folder, at, 'tokenizer_config.json');
    return file === undefined ? {} : readJsonObject(file);
  };
  const complete = fileAbove(folder, at, 'tokenizer.json');
  if (complete !== undefined) {
    return {
      from: complete.path,
      load: async () =>
        tokenizerOf(await readJsonObject(complete), await settings(), complete.path),
    };
  }
  const vocabulary = fileAbove(folder, at, 'vocab.txt');
  if (vocabulary === undefined) return undefined;
  return {
    from: vocabulary.path,
    async load() {
      const words = await readVocabulary(vocabulary);
      const pieces = words.some((word) => /^##./.test(word));
      if (!pieces) return symbolTokenizer(words, config.model_type !== 'gpt2');
      const lowercase = (await settings()).do_lower_case !== false;
      return wordPieceTokenizer(words, lowercase, vocabulary.path);
    },
  };
}
