import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The files of the test page, by path; the browser sees nothing else. */
export type Files = Readonly<
  Record<string, { readonly type: string; readonly body: string | Uint8Array }>
>;

/** Serves the files on a free loopback port, with or without the headers that allow SharedArrayBuffer. */
export async function serve(
  files: Files,
  isolated: boolean,
): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    const file = files[request.url ?? '/'];
    if (file === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, {
      'content-type': file.type,
      ...(isolated
        ? {
            'cross-origin-opener-policy': 'same-origin',
            'cross-origin-embedder-policy': 'require-corp',
          }
        : {}),
    });
    response.end(file.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}
