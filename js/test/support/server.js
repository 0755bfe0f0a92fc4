// A server on this machine that sends one file, well or badly.
import { createServer } from 'node:http';

/**
 * @typedef {object} Manner
 * @property {Uint8Array} [body]
 * @property {number} [status]
 * @property {Record<string, string | undefined>} [headers]   added to those that a good server sends (`date` too);
 *   undefined takes away
 * @property {boolean} [range]     honours Range (default)
 * @property {boolean} [ifRange]   honours If-Range (default)
 * @property {Promise<unknown>} [wait]  answers after that only
 * @property {number} [breakAfter] closes the connection after so many bytes
 * @property {number} [endAfter]   ends the body early, in good order: without Content-Length
 * @property {boolean} [hang]      after `breakAfter` bytes, stays silent instead
 * @property {boolean} [cut]       closes the connection instead of an answer
 * @property {number} [overlap]    a part begins so many bytes before the one that was asked for
 */

/**
 * The n-th request is answered in the n-th manner, all that follow in the last.
 *
 * @param {Uint8Array} file
 * @param {...Manner} manners
 */
export async function serve(file, ...manners) {
  /** @type {import('node:http').IncomingHttpHeaders[]} */
  const requests = [];
  let sent = 0;
  let answering = 0;
  const server = createServer(async (request, response) => {
    requests.push(request.headers);
    answering++;
    response.on('close', () => answering--);
    const manner = manners[Math.min(requests.length, manners.length) - 1] ?? {};
    const { body = file, range = true, ifRange = true, breakAfter, endAfter, hang, overlap = 0 } = manner;
    await manner.wait;
    if (manner.cut) return void response.socket?.destroy();
    /** @type {Record<string, string | undefined>} */
    const headers = { etag: '"one"', 'content-type': 'application/octet-stream', ...manner.headers };
    let status = manner.status ?? 200;
    let start = 0;
    let end = body.length;
    const from = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const condition = ifRange ? request.headers['if-range'] : undefined;
    if (
      range &&
      from &&
      status === 200 &&
      (!condition || condition === headers.etag || condition === headers['last-modified'])
    ) {
      start = Math.max(0, Number(from[1]) - overlap);
      status = start < body.length ? 206 : 416;
      if (from[2]) end = Math.min(Number(from[2]) + 1, end);
      Object.assign(headers, {
        'content-range': status === 206 ? `bytes ${start}-${end - 1}/${body.length}` : `bytes */${body.length}`,
        ...manner.headers,
      });
    }
    const all = status === 416 ? new Uint8Array(0) : body.subarray(start, end);
    const part = all.subarray(0, breakAfter ?? endAfter);
    sent += part.length;
    const whole = { ...(endAfter === undefined && { 'content-length': String(all.length) }), ...headers };
    response.sendDate = !('date' in headers);
    response.writeHead(status, Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== undefined)));
    if (breakAfter === undefined) return response.end(part);
    response.write(part);
    if (hang) return;
    response.socket?.end(); // behind what was written: all of it arrives, on a busy machine too
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}/model.gguf`,
    requests,
    get sent() {
      return sent;
    },
    /** Answers that are under way. */
    get answering() {
      return answering;
    },
    async close() {
      const closed = new Promise(resolve => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
