export * from './bigram.ts';
export * from './configuration.ts';
export * from './corpus.ts';
export * from './held-out.ts';
export * from './predictions.ts';
export * from './train.ts';
export { type CharacterVocabulary, characterVocabulary, rareCharacter } from './vocabulary.ts';
