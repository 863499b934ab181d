import { readdirSync, readFileSync } from 'node:fs';
import { katex } from '@mdit/plugin-katex';
import { defineConfig } from 'vitepress';
import api from '../api/typedoc-sidebar.json' with { type: 'json' };

const folder = new URL('../notes/', import.meta.url);
const notes = readdirSync(folder).map((file) => {
  const [, subject] = /^# (?:.*claims about )?(.+)$/im.exec(
    readFileSync(new URL(file, folder), 'utf8'),
  )!;
  return { text: subject[0].toUpperCase() + subject.slice(1), link: `/notes/${file}` };
});

/** The names of the root first, then those of each room. */
const rooms = api
  .map(({ text, link }) => ({ text: text === 'mesoscope' ? text : `mesoscope/${text}`, link }))
  .sort((a, b) => a.text.localeCompare(b.text));

/** The site of `npm run docs:site`: guide, claims, studies, notes, examples and the API reference; nothing from elsewhere. */
export default defineConfig({
  title: 'Mesoscope',
  description: 'The mathematics of deep transformers, run',
  lang: 'en',
  markdown: {
    // Braces are formulas, not attributes.
    attrs: { disable: true },
    config: (md) => {
      // A formula is HTML that Vue must not read as a template.
      md.use(katex, { transformer: (html) => html.replace(/^<(\w+)/, '<$1 v-pre') });
      md.core.ruler.push('as-in-the-repository', ({ tokens }) => {
        for (const token of tokens) {
          // Indented code gets the frame of fenced code.
          if (token.type === 'code_block') {
            token.type = 'fence';
            token.info = /^(npx|npm|node) /.test(token.content) ? 'sh' : 'text';
          }
          // A folder beside `docs/` is a page here.
          for (const child of token.children ?? []) {
            if (child.attrGet('href') === '../examples') child.attrSet('href', '/examples.md');
          }
        }
      });
    },
  },
  themeConfig: {
    nav: [
      { text: 'Guide', link: '/guide' },
      { text: 'Claims', link: '/claims' },
      { text: 'Studies', link: '/studies' },
      { text: 'API', link: '/api/mesoscope' },
    ],
    sidebar: {
      '/api/': [{ text: 'API', items: rooms }],
      '/': [
        { text: 'Guide', link: '/guide' },
        { text: 'Examples', link: '/examples' },
        { text: 'Trained models', link: '/checkpoints' },
        { text: 'Claims', link: '/claims' },
        { text: 'Studies', link: '/studies' },
        { text: 'Notes on the claims', items: notes },
        { text: 'Proofs', items: [{ text: 'The optimal law of heads', link: '/proofs/heads' }] },
      ],
    },
    outline: [2, 3],
    search: { provider: 'local' },
  },
});
