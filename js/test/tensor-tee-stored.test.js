// Tensors of a download that was kept, and goes on: they pass once, whatever of the part was still good.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admitStored, gpuTee, tensorTee } from '../index.js';
import { faultOf } from './support/guest.js';
import { gguf } from './support/gguf.js';
import { Device } from './support/gpu.js';
import { serving } from './support/serving.js';
import { assertNothingLeft, bytesOf, guest, newOrigin } from './support/store.js';

const MIB = 2 ** 20;
const STORED = ['m.gguf', 'm.gguf.digests', 'm.gguf.evidence'];
const KEPT = ['m.gguf.journal', 'm.gguf.part'];
const words = Array.from({ length: 40_000 }, (_, index) => `word-${index}-`.padEnd(60, 'x'));
const tensors = [{ name: 'a', bytes: 1_500_001 }, { name: 'none', bytes: 0 }, { name: 'b', bytes: 2_700_002 }];
/** A header of some bytes, and one that ends in the third group. */
const FILES = [gguf({ tensors }), gguf({ metadata: { 'general.architecture': 'a', words }, tensors })];
const options = { retries: 0, retryDelay: 1 };

/** An address, of which a part was kept. @param {Uint8Array} file */
async function kept(file) {
  newOrigin();
  const server = await serving(file, { breakAfter: 3.5 * MIB }, {}, {});
  assert.equal((await faultOf(admitStored(guest, 'm.gguf', server.url, options))).kind, 'source');
  assertNothingLeft(KEPT);
  return server.url;
}

test('each tensor passes once and whole, and each call comes once, also where the part was spoilt', async () => {
  for (const file of FILES) {
    for (const spoilt of [-1, 5, MIB + 5, 2 * MIB + 5]) {
      const url = await kept(file);
      const part = /** @type {Uint8Array} */ (bytesOf('m.gguf.part'));
      if (spoilt >= 0) part[spoilt] ^= 4;
      const device = new Device();
      const gpu = gpuTee(device);
      /** @type {string[]} */ const calls = [];
      const tee = tensorTee({
        open: () => void calls.push('open'),
        write() {},
        whole: ({ name }) => void calls.push(name),
        close: () => void calls.push('close'),
        abort: () => void calls.push('abort'),
      });
      const { model } = await admitStored(guest, 'm.gguf', url, { ...options, tee: [tee, gpu] });
      assert.deepEqual(calls, ['open', 'a', 'none', 'b', 'close'], `byte ${spoilt}`);
      for (const { name, offset, bytes } of model.report.tensors) {
        const held = gpu.buffers.get(name)?.bytes.subarray(0, bytes);
        assert.equal(Buffer.compare(held ?? new Uint8Array(1), file.subarray(offset, offset + bytes)), 0, name);
      }
      model.release();
      assertNothingLeft(STORED);
    }
  }
});

test('a device that is too small is no judgement of the file: what was kept stays', async () => {
  for (const file of FILES) {
    const url = await kept(file);
    const device = new Device({ limits: { maxBufferSize: 2_000_000 } });
    const fault = await faultOf(admitStored(guest, 'm.gguf', url, { ...options, tee: gpuTee(device) }));
    assert.deepEqual([fault.code, device.made.length], ['device', 0]);
    assertNothingLeft(KEPT);
    const gpu = gpuTee(new Device());
    /** @type {number | undefined} */ let bytes;
    const { model } = await admitStored(guest, 'm.gguf', url, {
      ...options, tee: gpu, onProgress: event => void (bytes = event.kept),
    });
    assert.ok(Number(bytes) >= MIB, `${bytes} bytes were kept`);
    assert.equal(gpu.buffers.size, 3);
    model.release();
  }
});
