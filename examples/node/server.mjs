// A server that takes in GGUF files and keeps the good ones: `node server.mjs FOLDER [PORT]`, then
// `curl -T model.gguf http://127.0.0.1:8080/model.gguf`. docs/upload-server.md is about a server for production.
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { AdmissionError, admit, loadGuest } from 'gguf-admission';

const [folder, port = '8080'] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: node server.mjs FOLDER [PORT]');
  process.exit(2);
}
const NAME = /^\/([a-z0-9][\w.-]{0,100}\.gguf)$/i;
const LONGEST = 64 * 2 ** 30;
const LIMITS = { memory: 64 * 2 ** 20 }; // for one header
/** What a client is answered. A `source` that fails is the client's line, a `budget` too small its header. */
const statusOf = ({ kind, code }) =>
  code === 'budget' ? 413 : { rejected: 422, retry: 503, source: 400 }[kind];

// Files that are coming in, apart from those that are good: on the same disk, so that a name can be given at the end.
const incoming = join(folder, 'incoming');
await rm(incoming, { recursive: true, force: true });
await mkdir(incoming, { recursive: true });

// One guest for all uploads: each has its own session, up to 64 at a time. Above that the code is `sessions`.
let guest = await loadGuest();

const server = createServer(async (request, response) => {
  const [status, body] = await answerTo(request);
  // A client that is still sending reads its answer only if the line stays open for a while.
  if (!request.complete) {
    response.setHeader('Connection', 'close');
    request.resume();
    setTimeout(() => request.destroy(), 5000).unref();
  }
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
});
// By default Node ends a request after 5 minutes, however fast it comes. A line without a byte is cut instead.
server.requestTimeout = 0;
server.setTimeout(30_000);
server.listen(Number(port), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));

async function answerTo(request) {
  const [, name] = NAME.exec(request.url) ?? [];
  if (request.method !== 'PUT' || name === undefined) return [404, { code: 'not_found' }];
  const length = request.headers['content-length'];
  if (length === undefined) return [411, { code: 'length_required' }];
  if (Number(length) > LONGEST) return [413, { code: 'too_large' }];

  const part = join(incoming, randomUUID());
  try {
    const { digests, tensors } = await keep(request, part, Number(length));
    await link(part, join(folder, name)); // never over a file that is there
    return [201, { name, sha256: digests.sha256, tensors: tensors.length }];
  } catch (error) {
    const { code, offset, path, message } = error;
    const status = error instanceof AdmissionError && statusOf(error);
    if (status) return [status, { code, offset, path, message }];
    if (code === 'EEXIST') return [409, { code: 'exists' }];
    console.error(error);
    if (error.kind === 'dead') guest = await loadGuest(); // it has trapped, and takes nothing more
    return [500, { code: 'storage' }];
  } finally {
    await rm(part, { force: true });
  }
}

/** Writes the body to `path` while it is checked. Gives its report; a file that is not good throws. */
async function keep(request, path, length) {
  const file = await open(path, 'wx');
  try {
    // Else the request, and with it the line for the answer, would be destroyed when the guest refuses the file.
    const body = request.iterator({ destroyOnReturn: false });
    const model = await admit(guest, body, {
      length,
      limits: LIMITS,
      tee: {
        async write(bytes, offset) {
          for (let at = 0; at < bytes.length;) {
            at += (await file.write(bytes, at, bytes.length - at, offset + at)).bytesWritten;
          }
        },
        close: () => file.sync(),
      },
    });
    model.release();
    return model.report;
  } finally {
    await file.close();
  }
}
