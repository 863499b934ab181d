import { createInterface } from 'node:readline';

/** Asks on standard error and reads one line of standard input: whether it begins with y. The end of input is a no. */
export function askOnTerminal(question: string, signal: AbortSignal): Promise<boolean> {
  // Without a terminal of its own, so that Ctrl-C stays the signal that the program listens to.
  const lines = createInterface({ input: process.stdin, terminal: false });
  process.stderr.write(`${question} [y/N] `);
  return new Promise((resolve) => {
    const answer = (given: boolean) => {
      resolve(given);
      lines.close();
    };
    lines.once('line', (line) => answer(/^\s*y/i.test(line)));
    lines.once('close', () => answer(false));
    signal.addEventListener('abort', () => answer(false), { once: true });
  });
}
