import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admit } from '../index.js';
import { faultOf, freshGuest } from './support/guest.js';
import { shard, shards } from './support/shards.js';
import { observed, recorder } from './support/streams.js';
import { withGuestWorker } from './support/thread.js';

const files = shards();
/** @param {Uint8Array<ArrayBuffer>[]} list */
const blobs = list => list.map(bytes => new Blob([bytes]));

/** @param {import('../index.js').SetReport} report  without what the way of it decides */
const facts = ({ tensors, metadata, length, shards }) =>
  ({ tensors, metadata, length, digests: shards.map(({ digests }) => digests) });

test('a set through a worker is what it is without one', () =>
  withGuestWorker(async worker => {
    const here = await admit(await freshGuest(), blobs(files), { sink: 'resident', digests: ['evidence'] });
    /** @type {string[]} */ const asked = [];
    const tees = files.map(() => recorder());
    const last = { phase: '', bytes: 0 };
    // The page reads the second, the worker the others.
    const list = [new Blob([files[0]]), observed(files[1], { piece: 30_000 }).stream, new Blob([files[2]])];
    const model = await worker.admit(list, {
      sink: 'resident', digests: ['evidence'],
      shards: tees.map(tee => ({ tee })),
      onHeader: async ({ set }, header) => void asked.push(`${set?.no} ${await header.metadata('split.no')}`),
      onProgress: ({ phase, bytes }) => void Object.assign(last, { phase, bytes }),
    });
    assert.deepEqual(facts(model.report), facts(here.report));
    assert.deepEqual(asked, ['0 0', '1 1', '2 2']);
    assert.deepEqual(last, { phase: 'done', bytes: here.report.length });
    tees.forEach((tee, no) => assert.deepEqual([tee.bytes, tee.closed.length], [files[no], 1]));
    for (const name of ['blk.0.weight', 'blk.2.weight']) {
      assert.deepEqual(await model.tensor(name), here.tensor(name)?.slice());
    }
    assert.equal(await model.metadata('general.name'), 'a set');
    assert.deepEqual(await model.evidence(1), here.evidence(1));
    assert.deepEqual([await model.checkGroup(0, files[1], 1), await model.checkGroup(0, files[1], 2)], [true, false]);
    assert.equal((await faultOf(model.evidence())).code, 'argument');
    await model.activate();
    assert.equal(await model.isActive(), true);
    await model.release();
    assert.equal((await faultOf(model.tensor(0))).code, 'handle');
  }));

test('what is wrong crosses with its shard, and the tees of the page are told', () =>
  withGuestWorker(async worker => {
    const list = [files[0], shard(1, { count: 4 }), files[2]];
    const tees = list.map(() => recorder());
    const streams = list.map(bytes => observed(bytes, { piece: 20_000 }));
    const sources = streams.map(({ stream }) => stream);
    const fault = await faultOf(worker.admit(sources, { shards: tees.map(tee => ({ tee })) }));
    assert.deepEqual([fault.code, fault.kind, fault.shard, fault.path], ['set', 'rejected', 1, 'metadata[1].value']);
    assert.equal(fault.cause.code, 'set');
    for (const { stream } of streams) assert.equal(stream.locked, false);
    for (const { aborted, closed } of tees) assert.equal(aborted.length + closed.length, 1);

    const page = new Response('<!doctype html>'.repeat(100), { headers: { 'content-type': 'text/html' } });
    const html = await faultOf(worker.admit([new Blob([files[0]]), page, new Blob([files[2]])]));
    assert.deepEqual([html.code, html.shard], ['html', 1]);

    const none = /** @type {any} */ ({ not: 'a source' });
    const held = observed(files[0]);
    assert.equal((await faultOf(worker.admit([held.stream, none]))).kind, 'misuse');
    assert.ok(held.isCancelled);
    const options = /** @type {any} */ ({ shards: [{}], sha256: 'x' });
    assert.equal((await faultOf(worker.admit(blobs(files), options))).path, 'sha256');
    assert.equal((await faultOf(worker.admit(blobs(files), { shards: [{}] }))).path, 'shards');
    const stop = new AbortController();
    const reason = new Error('enough');
    const admitted = worker.admit(blobs(files), {
      signal: stop.signal,
      onHeader: ({ set }) => set?.no === 1 && stop.abort(reason),
    });
    assert.equal(await faultOf(admitted), reason);
    await (await worker.admit(blobs(files))).release();
  }));
