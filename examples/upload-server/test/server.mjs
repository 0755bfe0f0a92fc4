// The server as a process of its own, and the files that are sent to it.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
export const program = process.env.GGUF_UPLOAD_SERVER ?? join(root, 'target/upload-server/debug/upload-server');

/** A sound file of 16 MiB, shaped like a real model. */
export const model = (() => {
  const path = join(root, 'target/upload-server/model.gguf');
  if (!existsSync(path)) {
    mkdirSync(join(root, 'target/upload-server'), { recursive: true });
    // Test files run side by side: none may see half a model.
    const made = `${path}.${process.pid}`;
    execFileSync('python3', [join(root, 'tests/corpus/generate.py'), '--model', String(16 << 20), '--out', made]);
    renameSync(made, path);
  }
  const bytes = readFileSync(path);
  return { path, bytes, length: bytes.length, sha256: createHash('sha256').update(bytes).digest() };
})();

/** What the oracle, which shares no code with the server, says of the model. */
export const headerBytes = () =>
  JSON.parse(
    execFileSync('python3', [join(root, 'tests/corpus/oracle.py'), model.path], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    }),
  ).gguf.headerBytes;

/**
 * Starts a server on a folder of its own, which goes with the test, or on `folder`.
 *
 * @param {import('node:test').TestContext} context
 * @param {object} [how]
 * @param {string[]} [how.options]
 * @param {Record<string, string>} [how.env]
 * @param {string} [how.folder]
 * @param {number} [how.limit]  most bytes that a file of the server's may have
 */
export async function start(context, { options = [], env = {}, folder, limit } = {}) {
  const data = folder ?? (await freshFolder(context));
  const args = ['--listen', '127.0.0.1:0', '--metrics', '127.0.0.1:0', '--folder', data, ...options];
  // A shell sets the limit, ignores its signal, and becomes the server.
  const limited = limit && ['-c', 'trap "" XFSZ; ulimit -f "$0"; exec "$@"', String(limit / 1024), program, ...args];
  const child = spawn(limited ? 'bash' : program, limited || args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  let log = '';
  child.stderr.on('data', text => (log += text));
  context.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const address = async () => {
    const { value, done } = await lines.next();
    if (!done) return value.split(' on ')[1];
    const [code] = await ended;
    throw new Error(`the server ended with ${code}:\n${log}`);
  };
  const [host, metrics] = [await address(), await address()];
  return {
    url: `http://${host}`,
    port: Number(host.split(':')[1]),
    folder: data,
    pid: child.pid,
    log: () => log,
    /** What lies in a folder of the store; the quarantine's lock is no upload. */
    files: name =>
      existsSync(join(data, name))
        ? readdirSync(join(data, name))
            .filter(file => file !== 'lock')
            .sort()
        : [],
    /** @returns {Promise<string>} */
    metrics: async () => (await fetch(`http://${metrics}/metrics`)).text(),
    /** The value of one line of the metrics, 0 where there is none. */
    async metric(line) {
      const found = (await this.metrics()).split('\n').find(text => text.startsWith(`${line} `));
      return found ? Number(found.split(' ').at(-1)) : 0;
    },
    async kill(signal) {
      child.kill(signal);
      const [code] = await ended;
      return code;
    },
    ended,
  };
}

/** @param {import('node:test').TestContext} context */
export async function freshFolder(context) {
  const folder = await mkdtemp(join(tmpdir(), 'gguf-upload-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Until `isSo`, or for half a minute. */
export async function until(isSo, what = String(isSo)) {
  for (const end = Date.now() + 30_000; Date.now() < end;) {
    if (await isSo()) return;
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  throw new Error(`never: ${what}`);
}

/** A connection that sends what a test wants and nothing more, and collects the answer. */
export async function raw(context, port) {
  const socket = connect(port, '127.0.0.1');
  context.after(() => socket.destroy());
  let received = '';
  socket.on('data', bytes => (received += bytes.toString('latin1')));
  socket.on('error', () => {});
  await once(socket, 'connect');
  return {
    socket,
    write: bytes => new Promise(resolve => socket.write(bytes, resolve)),
    head: (method, path, headers) =>
      `${method} ${path} HTTP/1.1\r\nHost: x\r\n${Object.entries(headers)
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join('')}\r\n`,
    text: () => received,
    /** The next answer, once it is whole: its status and its body's JSON. */
    async answer() {
      let body;
      await until(() => {
        const end = received.indexOf('\r\n\r\n');
        const length = Number(/content-length: (\d+)/i.exec(received)?.[1]);
        body = received.slice(end + 4);
        return end > 0 && body.length === length;
      }, 'an answer');
      return { status: Number(received.split(' ')[1]), ...JSON.parse(body) };
    },
  };
}
