import { expect, it } from 'vitest';
import { loadCorpus } from './corpus.ts';

it('ships a text that was read in its own encoding', () => {
  const text = loadCorpus('moby-dick', '.');
  expect(text.length).toBeGreaterThan(1e6);
  expect(text).not.toContain('\uFFFD');
});
