// A guest, and servers that send one file in a given manner, closed after each test.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, mock } from 'node:test';
import { admit } from '../../index.js';
import { assertNoSession, faultOf, freshGuest } from './guest.js';
import { gguf } from './gguf.js';
import { serve } from './server.js';
import { recorder } from './streams.js';

/** @typedef {import('./server.js').Manner} Manner */

export const file = gguf({ tensors: [{ bytes: 300_000 }] });
export const sha256 = createHash('sha256').update(file).digest('hex');
export const other = gguf({ tensors: [{ bytes: 300_000, fill: index => index % 7 }] });
export const retryDelay = 1;

/** @type {import('../../index.js').Guest} */ export let guest;
/** @typedef {Awaited<ReturnType<typeof serve>>} Server */
/** @type {Server | undefined} */ export let server;
/** @type {Server[]} */ export const servers = [];
beforeEach(async () => void (guest = await freshGuest()));
afterEach(async () => {
  mock.restoreAll();
  assertNoSession(guest);
  await Promise.all(servers.splice(0).map(each => each.close()));
});

/** @param {...Manner} manners */
export const at = async (...manners) => {
  servers.push((server = await serve(file, ...manners)));
  return server.url;
};

/** @param {...Manner} manners  that have to end well */
export async function admitted(...manners) {
  const tee = recorder();
  const model = await admit(guest, await at(...manners), { sink: 'resident', retryDelay, tee });
  const { report } = model;
  model.release();
  assert.equal(report.digests?.sha256, sha256);
  assert.equal(Buffer.compare(tee.bytes, file), 0);
  return report;
}

/** @param {...Manner} manners  that have to end badly */
export async function refused(...manners) {
  const tee = recorder();
  const fault = await faultOf(admit(guest, await at(...manners), { retryDelay, tee }));
  assert.deepEqual(tee.aborted, [fault]);
  return fault;
}

export const ranges = () => server?.requests.map(({ range }) => range);
export const conditions = () => server?.requests.slice(1).map(request => request['if-range']);

/** Until the server is sending nothing more: every connection is let go. */
export async function quiet() {
  for (let tries = 0; server?.answering !== 0; tries++) {
    assert.ok(tries < 500, 'the server is still sending');
    await delay(2);
  }
}

export const delay = (/** @type {number} */ milliseconds) => new Promise(resolve => setTimeout(resolve, milliseconds));
export const ago = (/** @type {number} */ seconds) => new Date(Date.now() - 1000 * seconds).toUTCString();
export const YEAR = 365 * 24 * 3600;

/** Abort after the first bytes. @param {unknown} [reason] */
export const aborting = reason => {
  const abort = new AbortController();
  return { signal: abort.signal, tee: { write: () => void setTimeout(() => abort.abort(reason), 2) } };
};
