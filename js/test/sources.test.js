import assert from 'node:assert/strict';
import fs from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { Readable } from 'node:stream';
import { beforeEach, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { admit, readHeader } from '../index.js';
import { SliceSource } from '../sources/blob.js';
import { folderWith } from './support/disk.js';
import { assertNoSession, faultOf, freshGuest } from './support/guest.js';
import { long } from './support/gguf.js';
import { observed, recorder } from './support/streams.js';

const { file, tensorAt } = long();
const { folder, onDisk, openFiles } = folderWith(file);

/** @type {import('../index.js').Guest} */ let guest;
beforeEach(async () => void (guest = await freshGuest()));

/** @param {Uint8Array} bytes  @param {number} piece */
function* pieces(bytes, piece) {
  for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
}

/** A synchronous handle in the manner of the origin private file system. */
function syncHandle() {
  const handle = {
    closed: 0,
    reads: /** @type {number[]} */ ([]),
    getSize: () => file.length,
    read(/** @type {any} */ target, /** @type {any} */ { at }) {
      handle.reads.push(target.length);
      const piece = file.subarray(at, at + Math.min(target.length, 100_000));
      target.set(piece);
      return piece.length;
    },
    close: () => void handle.closed++,
  };
  return handle;
}

/** @type {Record<string, () => any>} */
const sources = {
  Uint8Array: () => file,
  'a view in the middle of a buffer': () =>
    new Uint8Array(Buffer.concat([Buffer.alloc(5), file, Buffer.alloc(3)]).buffer.slice(0), 5).subarray(0, file.length),
  ArrayBuffer: () => file.buffer,
  SharedArrayBuffer: () => {
    const shared = new SharedArrayBuffer(file.length);
    new Uint8Array(shared).set(file);
    return shared;
  },
  Buffer: () => Buffer.from(file),
  Blob: () => new Blob([file]),
  File: () => new File([file], 'model.gguf'),
  Response: () => new Response(file),
  'a byte stream': () => observed(file, { type: 'bytes', piece: 70_000 }).stream,
  'a byte stream of one piece': () => observed(file, { type: 'bytes', piece: 1e9 }).stream,
  'a default stream': () => observed(file, { piece: 2500 }).stream,
  'a default stream of one piece': () => observed(file, { piece: 1e9 }).stream,
  'an async generator': () =>
    (async function* () {
      yield* pieces(file, 99_999);
    })(),
  'a generator': () => pieces(file, 1e6),
  'an array of chunks': () => [...pieces(file, 500_000), new Uint8Array(0)],
  'a Node stream': () => fs.createReadStream(onDisk),
  'a Node stream from memory': () => Readable.from([Buffer.from(file)]),
  'a path': () => ({ path: onDisk }),
  'a path that is a URL': () => ({ path: pathToFileURL(onDisk) }),
  'a file URL': () => pathToFileURL(onDisk),
  'a file URL as text': () => pathToFileURL(onDisk).href,
  'a synchronous handle': syncHandle,
  'a file handle with synchronous access': () => ({
    kind: 'file',
    getFile: () => assert.fail(),
    createSyncAccessHandle: async () => syncHandle(),
  }),
  'a file handle that is in use elsewhere': () => ({
    kind: 'file',
    getFile: async () => new File([file], 'x'),
    createSyncAccessHandle: async () => {
      throw new Error('in use');
    },
  }),
  'a file handle on the main thread': () => ({ kind: 'file', getFile: async () => new File([file], 'x') }),
  'a blob: URL': () => URL.createObjectURL(new Blob([file])),
  'a data: URL': () => `data:application/octet-stream;base64,${Buffer.from(file).toString('base64')}`,
};

for (const [name, source] of Object.entries(sources)) {
  test(`${name} is admitted, resident and through a tee`, async () => {
    const model = await admit(guest, source(), { sink: 'resident' });
    assert.equal(model.report.position, file.length);
    assert.deepEqual(model.tensor(0), file.subarray(tensorAt, tensorAt + 3_000_001));
    const tee = recorder();
    const verified = await admit(guest, source(), { tee });
    assert.equal(Buffer.compare(tee.bytes, file), 0);
    assert.deepEqual(verified.report.digests, model.report.digests);
    assert.deepEqual(verified.report.tensors, model.report.tensors);
    assertNoSession(guest, 2);
    assert.equal(openFiles(), 0);
  });
}

test('slices serve a Blob where its stream is no byte stream', async () => {
  const source = new SliceSource(new Blob([file]));
  let at = 0;
  for (let bytes; (bytes = await source.read(65_536)); at += bytes.length) assert.ok(bytes.length <= 65_536);
  assert.equal(at, file.length);
  assert.equal(source.length, file.length);
  const blob = new Blob([file]);
  Object.defineProperty(blob, 'stream', { value: () => observed(file).stream });
  assert.equal((await admit(guest, blob)).report.position, file.length);
});

test('an open file of the caller stays open, one that is opened here is closed', async () => {
  const handle = await open(onDisk);
  assert.equal((await admit(guest, handle)).report.position, file.length);
  assert.equal((await admit(guest, { fd: handle.fd })).report.position, file.length);
  assert.equal((await handle.stat()).size, file.length);
  await handle.close();
  const own = syncHandle();
  await admit(guest, own);
  assert.equal(own.closed, 0);
  const opened = syncHandle();
  await admit(guest, /** @type {any} */ ({ getFile() {}, createSyncAccessHandle: async () => opened }));
  assert.equal(opened.closed, 1);
});

test('a file is read straight into the window, at most 64 KiB before the header is complete', async () => {
  const handle = syncHandle();
  await admit(guest, handle, { onHeader: () => assert.ok(handle.reads.every(size => size <= 65_536)) });
  assert.ok(handle.reads.some(size => size > 65_536));
});

test('a file that cannot be opened or read is a source error', async () => {
  for (const from of [{ path: path.join(folder, 'none.gguf') }, { path: folder }, { fd: 99_999 }, { path: '\0' }]) {
    assert.equal((await faultOf(admit(guest, from))).kind, 'source', JSON.stringify(from));
  }
  const handle = { ...syncHandle(), read: () => { throw new Error('disk'); } };
  for (const tee of [undefined, recorder()]) {
    const fault = await faultOf(admit(guest, handle, { tee }));
    assert.deepEqual([fault.code, fault.offset, fault.cause.message], ['source', 0, 'disk']);
  }
  assertNoSession(guest);
  assert.equal(openFiles(), 0);
});

test('a refused file on disk is closed', async () => {
  const refusal = new Error('no');
  assert.equal(await faultOf(admit(guest, { path: onDisk }, { onHeader: () => { throw refusal; } })), refusal);
  assert.equal(openFiles(), 0);
  assertNoSession(guest);
});

test('what is no source is misuse', async () => {
  for (const from of [undefined, null, 5, {}, () => {}, 'model.gguf']) {
    const fault = await faultOf(admit(guest, /** @type {any} */ (from)));
    assert.equal(fault.kind, 'misuse', String(from));
  }
  const part = new File([file], 'a.gguf');
  class FileList {
    /** @param {...File} files */
    constructor(...files) {
      Object.assign(this, files, { length: files.length });
    }
    get [Symbol.toStringTag]() {
      return 'FileList';
    }
    *[Symbol.iterator]() {}
  }
  for (const from of [
    [part],
    [part, part],
    new FileList(part),
    new FileList(),
    [{ kind: 'file', getFile: () => part }],
  ]) {
    const fault = await faultOf(readHeader(guest, /** @type {any} */ (from)));
    assert.deepEqual([fault.code, fault.kind], ['unsupported', 'misuse']);
    assert.match(fault.message, /a list of files \(\d\)/);
  }
  const blobs = (async function* () { yield new Blob([file]); })();
  assert.match((await faultOf(admit(guest, /** @type {any} */ (blobs)))).message, /found a Blob.*arrayBuffer/);
  for (const from of [[1, 2], (async function* () { yield null; })()]) {
    assert.equal((await faultOf(admit(guest, /** @type {any} */ (from)))).code, 'source');
  }
  assertNoSession(guest);
});

test('a stream or response that is in use is an error of its own', async () => {
  const { stream } = observed(file);
  const reader = stream.getReader();
  assert.equal((await faultOf(admit(guest, stream))).code, 'locked');
  reader.releaseLock();
  const response = new Response(file);
  await response.arrayBuffer();
  assert.equal((await faultOf(admit(guest, response))).code, 'locked');
  assertNoSession(guest);
});

test('an upload is admitted on a server, and a broken one is an error', async () => {
  /** @type {Promise<any>[]} */ const outcomes = [];
  const server = createServer((request, response) => {
    outcomes.push(admit(guest, request).then(model => model.report.position, fault => fault));
    outcomes.at(-1)?.then(() => response.end());
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const url = `http://127.0.0.1:${port}/`;
  await fetch(url, { method: 'POST', body: file });
  assert.equal(await outcomes[0], file.length);
  const abort = new AbortController();
  const { stream } = observed(file, {
    at: offset => (offset > 0 ? new Promise(() => setTimeout(() => abort.abort(), 5)) : undefined),
  });
  await faultOf(
    fetch(url, /** @type {RequestInit} */ ({ method: 'POST', body: stream, duplex: 'half', signal: abort.signal })),
  );
  while (outcomes.length < 2) await new Promise(resolve => setTimeout(resolve, 2));
  assert.equal((await outcomes[1]).kind, 'source');
  server.close();
  server.closeAllConnections();
  assertNoSession(guest, 1);
});

test('an empty source of any kind is a truncated file', async () => {
  const none = new Uint8Array(0);
  const empty = path.join(folder, 'empty.gguf');
  fs.writeFileSync(empty, none);
  for (const from of [
    none,
    new Blob([]),
    new Response(null),
    new Response(''),
    [],
    observed(none).stream,
    observed(none, { type: 'bytes' }).stream,
    { path: empty },
  ]) {
    const fault = await faultOf(admit(guest, from));
    assert.deepEqual([fault.code, fault.path, fault.offset], ['truncated', 'magic', 0]);
  }
  assertNoSession(guest);
});

test('a file with a wrong beginning costs at most 64 KiB of any source', async () => {
  const wrong = new Uint8Array(5_000_000);
  for (const [piece, type] of /** @type {[number, 'bytes' | undefined][]} */ ([
    [1000, undefined],
    [1000, 'bytes'],
    [65_536, 'bytes'],
  ])) {
    const source = observed(wrong, { piece, type });
    assert.equal((await faultOf(admit(guest, source.stream))).code, 'magic');
    assert.ok(source.given <= 65_536);
    assert.equal(source.isCancelled, true);
    assert.equal(source.stream.locked, false);
  }
});
