const interval = 50;

/**
 * Lets the host handle what has come in (an abort, a key, a message) every 50 ms of work: await it in a long loop.
 */
export function createPause(): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    if (performance.now() - last < interval) return undefined;
    return new Promise((resolve) => {
      setTimeout(() => {
        last = performance.now();
        resolve();
      }, 0);
    });
  };
}
