/**
 * Contact sheets: for each run one PNG with all its figures, a row each: light and dark, at 1280 and at 375 pixels; to be looked at.
 * Of what moves, its first, middle and last frame.
 * Says where words of a figure lie on each other and where a page is wider than its window.
 *
 *     node test/sheets/sheets.mjs <folder for the sheets> <run> …
 *
 * Needs Chromium; CHROMIUM_PATH names it where it is not /usr/bin/chromium.
 */
import { mkdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const [out, ...runs] = process.argv.slice(2);
if (out === undefined || runs.length === 0) {
  console.error('node test/sheets/sheets.mjs <folder for the sheets> <run> …');
  process.exit(2);
}
mkdirSync(out, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});

let faults = 0;
for (const run of runs) {
  const name = basename(resolve(run));
  const rows = [];
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [1280, 375]) {
      const page = await browser.newPage({
        viewport: { width, height: 800 },
        colorScheme,
        bypassCSP: true,
      });
      await page.goto(pathToFileURL(join(resolve(run), 'report.html')).href);
      for (const fault of await page.evaluate(faultsOfPage)) {
        if (colorScheme === 'dark') continue;
        console.log(`${name}, ${width} px: ${fault}`);
        faults++;
      }
      await page.evaluate(onlyFigures);
      for (const [i, figure] of (await page.$$('figure')).entries()) {
        rows[i] ??= [];
        rows[i].push(
          `<img src="data:image/png;base64,${(await figure.screenshot()).toString('base64')}">`,
        );
      }
      await page.close();
    }
  }
  const sheet = await browser.newPage({ viewport: { width: 1560, height: 800 } });
  await sheet.setContent(
    `<style>body{margin:8px;background:#888}div{display:flex;gap:8px;align-items:start;margin-bottom:8px}img{zoom:.7}</style>${rows.map((shots) => `<div>${shots.join('')}</div>`).join('')}`,
  );
  await sheet.screenshot({ path: join(out, `${name}.png`), fullPage: true, timeout: 120_000 });
  await sheet.close();
  console.log(join(out, `${name}.png`));
}
await browser.close();
process.exitCode = faults === 0 ? 0 : 1;

/** Runs in the page: leaves nothing but figures, and of an animation three frames below each other. */
function onlyFigures() {
  document.body.replaceChildren(...document.querySelectorAll('figure'));
  for (const frames of document.querySelectorAll('.frames')) {
    const all = [...frames.querySelectorAll('.frame')];
    const kept = [all[0], all[all.length >> 1], all[all.length - 1]];
    for (const frame of kept)
      frame.style.cssText = 'grid-area:auto;animation:none;visibility:visible';
    frames.replaceChildren(...kept);
  }
}

/** Runs in the page: words on each other, and what is wider than the window. */
function faultsOfPage() {
  const faults = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) faults.push(`the page is ${root.scrollWidth} px wide`);
  for (const svg of document.querySelectorAll('figure svg')) {
    const title = svg.querySelector('title')?.textContent ?? '';
    const frame = svg.getBoundingClientRect();
    const words = [...svg.querySelectorAll('text')].map((text) => ({
      text: text.textContent,
      box: text.getBoundingClientRect(),
    }));
    for (const [i, { text, box }] of words.entries()) {
      if (box.right > frame.right + 1 || box.left < frame.left - 1) {
        faults.push(`"${title}": "${text}" leaves the figure`);
      }
      for (const other of words.slice(i + 1)) {
        const [wide, high] = [
          Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left),
          Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top),
        ];
        if (wide > 1 && high > 0.3 * box.height) {
          faults.push(`"${title}": "${text}" and "${other.text}" lie on each other`);
        }
      }
    }
  }
  return faults;
}
