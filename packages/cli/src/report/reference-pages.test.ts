import { fileURLToPath } from 'node:url';
import { claims } from 'mesoscope/claims';
import { studies } from 'mesoscope/study';
import { expect, it } from 'vitest';
import { claimsPage, studiesPage } from './reference-pages.ts';

const docs = fileURLToPath(new URL('../../../../docs/', import.meta.url));

it('docs/claims.md says what the claims say; `npm run docs` writes it', async () => {
  await expect(claimsPage(claims)).toMatchFileSnapshot(`${docs}claims.md`);
});

it('docs/studies.md says what the studies say; `npm run docs` writes it', async () => {
  await expect(studiesPage(studies)).toMatchFileSnapshot(`${docs}studies.md`);
});
