import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { firstLookText } from 'mesoscope/task';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Files, serve } from './server.ts';
import { type Answer, answer, type Request } from './worker.ts';

const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
const missing = existsSync(executablePath) ? '' : ` (skipped: there is no ${executablePath})`;

const request: Request = {
  text: 'the law of the tokens at every depth is carried by the flow of the layers. '.repeat(60),
  configuration: {
    ...firstLookText,
    context: 16,
    dimension: 8,
    heads: 2,
    keyDimension: 4,
    hidden: 16,
    stages: [
      { layers: 1, steps: 10 },
      { layers: 2, steps: 10 },
    ],
    batch: 4,
    warmUp: 2,
    reportEvery: 5,
    reportSequences: 4,
    finalSequences: 8,
  },
};

/** The library and the page's worker as one file, as a web application would bundle them. */
async function files(): Promise<Files> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('./worker.ts', import.meta.url))],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    tsconfigRaw: {},
  });
  return {
    '/': { type: 'text/html', body: '<!doctype html><title>Mesoscope</title>' },
    '/worker.js': { type: 'text/javascript', body: outputFiles[0].contents },
  };
}

describe.skipIf(missing !== '')(`the library in a browser${missing}`, () => {
  let browser: Browser;
  let bundle: Files;
  let node: Answer;

  beforeAll(async () => {
    bundle = await files();
    node = await answer(request);
    browser = await chromium.launch({
      executablePath,
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
      ],
    });
  });

  afterAll(async () => {
    await browser?.close();
  });

  async function ask(isolated: boolean): Promise<Answer> {
    const { url, server } = await serve(bundle, isolated);
    const page = await browser.newPage();
    try {
      await page.goto(url);
      return await page.evaluate(
        (asked) =>
          new Promise<Answer>((resolve, reject) => {
            const worker = new Worker('/worker.js', { type: 'module' });
            worker.onerror = (event) => reject(new Error(event.message));
            worker.onmessage = ({ data }) =>
              'error' in data ? reject(new Error(data.error)) : resolve(data.value);
            worker.postMessage(asked);
          }),
        request,
      );
    } finally {
      await page.close();
      server.close();
    }
  }

  it.each([
    { isolated: true, threads: 2 },
    { isolated: false, threads: 1 },
  ])(
    'conforms and trains as in Node, isolation headers: $isolated',
    async ({ isolated, threads }) => {
      const page = await ask(isolated);
      expect(page.isolated).toBe(isolated);
      expect(page.threads).toBe(threads);
      expect(page.conformance.length).toBeGreaterThan(50);
      expect(page.conformance.filter((c) => !(c.deviation <= c.tolerance))).toEqual([]);
      expect(page.losses.length).toBe(node.losses.length);
      page.losses.forEach((loss, i) => {
        expect(Math.abs(loss - node.losses[i])).toBeLessThanOrEqual(
          1e-10 * Math.abs(node.losses[i]),
        );
      });
      expect(Math.abs(page.heldOutBits - node.heldOutBits)).toBeLessThanOrEqual(
        1e-10 * node.heldOutBits,
      );
    },
  );
});
