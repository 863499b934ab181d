// Whether every link of the built site leads to a page, a heading or a file of it, and nothing is loaded from elsewhere:
// `node test/site/links.mjs`, after `npm run docs:site`.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseHTML } from 'linkedom';

const site = fileURLToPath(new URL('../../docs/.vitepress/dist', import.meta.url));
const documents = new Map(
  readdirSync(site, { recursive: true })
    .filter((file) => file.endsWith('.html'))
    .map((file) => [`/${file}`, parseHTML(readFileSync(`${site}/${file}`, 'utf8')).document]),
);
const elsewhere = /^(?:[a-z]+:)?\/\//i;

/** What is wrong with a link on a page; undefined where nothing is. */
function fault(page, link) {
  const { pathname, hash } = new URL(link, `file://${page}`);
  const path = decodeURI(pathname).replace(/\/$/, '/index.html');
  const file = [path, `${path}.html`].find((one) => existsSync(site + one));
  if (file === undefined) return 'leads nowhere';
  const target = documents.get(file);
  if (hash === '' || target === undefined) return undefined;
  return target.getElementById(decodeURIComponent(hash.slice(1))) ? undefined : 'has no such place';
}

let links = 0;
const faults = [...documents].flatMap(([page, document]) =>
  [...document.querySelectorAll('[href], [src]')].flatMap((element) => {
    const link = element.getAttribute('href') ?? element.getAttribute('src');
    links++;
    const wrong = elsewhere.test(link)
      ? element.localName !== 'a' && 'is loaded from elsewhere'
      : fault(page, link);
    return wrong ? [`${page}: ${link} ${wrong}`] : [];
  }),
);
for (const text of faults) console.log(text);
console.log(`${links} links on ${documents.size} pages, ${faults.length} broken`);
process.exitCode = faults.length > 0 || documents.size === 0 ? 1 : 0;
