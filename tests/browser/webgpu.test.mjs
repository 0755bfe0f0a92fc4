// Tensors in buffers of the GPU, by a real device: the software adapter of Chromium.
import assert from 'node:assert/strict';
import { closeSync, openSync, readSync } from 'node:fs';
import { loadGuest, readHeader } from '../../js/index.js';
import { gguf } from '../../js/test/support/gguf.js';
import { MODEL, needs } from './page-kit.mjs';
import { inEachBrowser } from './suite.mjs';

const skip = needs(MODEL, 'cargo xtask model');
/** The real model's embedding: above what a device has unless it is asked for more. */
const EMBEDDING = { name: 'token_embd.weight', bytes: 178_257_920 };
const [DEFAULT_BINDING, DEFAULT_BUFFER] = [134_217_728, 268_435_456];

/** Tensors of every length modulo 4, one of them empty, one above what is sent to the GPU at once. */
const odd = gguf({
  tensors: [[1001, 'a'], [2, 'b'], [0, 'none'], [70_003, 'c'], [4096, 'd'], [9_000_001, 'e']].map(([bytes, name]) => ({
    name: String(name), bytes: Number(bytes),
  })),
});

inEachBrowser(test => {
  test('the real model: each tensor is a buffer of the GPU, and read back it is the file\'s', async ({ page }) => {
    await page.pick('#file', [MODEL]);
    const seen = await page.run(async () => {
      const device = await kit.gpu.device(true);
      const gpu = kit.gpu.readableTee(kit, device);
      const guest = await kit.guest();
      const [file] = document.querySelector('#file').files;
      const model = await kit.admit(guest, file, { tee: gpu });
      const { tensors, gguf } = model.report;
      const differing = await kit.gpu.differing(device, gpu.buffers, tensors, file);
      const { label } = gpu.buffers.get('token_embd.weight');
      gpu.destroy();
      const seen = { differing, label, left: gpu.buffers.size, tensors: tensors.length, memory: guest.memoryBytes };
      model.release();
      device.destroy();
      return { ...seen, header: gguf.headerBytes };
    });
    assert.deepEqual([seen.differing, seen.label, seen.left], [[], 'weights/token_embd.weight', 0]);
    assert.equal(seen.tensors, 236);
    assert.ok(seen.memory <= 24 * 2 ** 20, `${seen.memory} bytes of guest memory for a header of ${seen.header}`);
  }, { skip, timeout: 120_000, needs: ['WebGPU'] });

  test('the real model with the guest in a worker: the device is the page\'s, or the worker\'s own', async ({
    page, server,
  }) => {
    const { url } = server.put({ body: { file: MODEL }, etag: '"1"' });
    const inPage = await page.run(async url => {
      const device = await kit.gpu.device(true);
      const gpu = kit.gpu.readableTee(kit, device);
      const { guestWorker } = await kit.guestWorker();
      const model = await guestWorker.admit(url, { tee: gpu });
      const file = await (await fetch(url)).blob();
      const differing = await kit.gpu.differing(device, gpu.buffers, model.report.tensors, file);
      await model.release();
      device.destroy();
      return differing;
    }, url);
    assert.deepEqual(inPage, []);
    const inWorker = await page.runInWorker(async url => {
      const device = await kit.gpu.device(true);
      const gpu = kit.gpu.readableTee(kit, device);
      const file = await (await fetch(url)).blob();
      const model = await kit.admit(await kit.guest(), file, { tee: gpu });
      const differing = await kit.gpu.differing(device, gpu.buffers, model.report.tensors, file);
      model.release();
      device.destroy();
      return differing;
    }, url);
    assert.deepEqual(inWorker, []);
  }, { skip, timeout: 180_000, needs: ['WebGPU'] });

  test('the real model, with the limits that every device has: refused before its data is fetched', async ({
    page, server,
  }) => {
    const served = server.put({ body: { file: MODEL }, etag: '"1"' });
    const seen = await page.run(async url => {
      const device = await kit.gpu.device();
      const guest = await kit.guest();
      const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
      const header = await kit.readHeader(guest, url);
      const { dataOffset } = header.report.gguf;
      header.release();
      kit.bytesTaken();
      const fault = await kit.fault(kit.admit(guest, url, { tee: kit.gpuTee(device) }));
      const taken = kit.bytesTaken();
      // Without STORAGE the limit of buffers alone counts, and that holds it.
      const usage = GPUBufferUsage.VERTEX;
      const gpu = kit.gpuTee(device, { usage });
      (await kit.admit(guest, url, { tee: gpu })).release();
      const { size } = gpu.buffers.get('token_embd.weight');
      gpu.destroy();
      device.destroy();
      return { maxBufferSize, maxStorageBufferBindingSize, dataOffset, fault, taken, size };
    }, served.url);
    assert.deepEqual([seen.maxStorageBufferBindingSize, seen.maxBufferSize], [DEFAULT_BINDING, DEFAULT_BUFFER]);
    const { code, kind, found, expected, message } = seen.fault;
    assert.deepEqual([code, kind, found, expected], ['device', 'retry', `${EMBEDDING.bytes}`, `${DEFAULT_BINDING}`]);
    for (const word of [EMBEDDING.name, 'maxStorageBufferBindingSize']) assert.ok(message.includes(word), message);
    assert.ok(seen.taken <= seen.dataOffset + 64 * 1024, `${seen.taken} bytes were taken`);
    assert.equal(seen.size, EMBEDDING.bytes);
    const sent = served.requests[1].sent;
    assert.ok(sent < 64e6, `${sent} bytes were sent`);
  }, { skip, timeout: 120_000, needs: ['WebGPU'] });

  test('chunks that end anywhere: tensors of every length', async ({ page, server }) => {
    const { url } = server.put({ body: odd });
    const wrong = await page.run(async url => {
      const device = await kit.gpu.device();
      const bytes = await kit.bytes(url);
      const wrong = [];
      for (const piece of [1001, 65_535, 3_000_001]) {
        const gpu = kit.gpu.readableTee(kit, device);
        const { stream } = kit.controlled(bytes, { piece });
        const model = await kit.admit(await kit.guest(), stream, { tee: gpu });
        wrong.push(...await kit.gpu.differing(device, gpu.buffers, model.report.tensors, new Blob([bytes])));
        model.release();
        gpu.destroy();
      }
      device.destroy();
      return wrong;
    }, url);
    assert.deepEqual(wrong, []);
  }, { needs: ['WebGPU'] });

  test('a device that is lost, before and on the way, ends the admission; no buffer is left', async ({
    page, server,
  }) => {
    const { url } = server.put({ body: odd });
    const faults = await page.run(async url => {
      const file = new Blob([await kit.bytes(url)]);
      const guest = await kit.guest();
      const { guestWorker } = await kit.guestWorker();
      const faults = [];
      for (const when of ['before', 'at the header', 'on the way', 'at the end']) {
        for (const admit of [kit.admit.bind(null, guest), guestWorker.admit.bind(guestWorker)]) {
          const device = await kit.gpu.device();
          const gpu = kit.gpuTee(device);
          if (when === 'before') device.destroy();
          const lose = {
            open: () => void (when === 'at the header' && device.destroy()),
            write: (_, offset) => void (when === 'on the way' && offset > 1e6 && device.destroy()),
            close: () => void (when === 'at the end' && device.destroy()),
          };
          const { code, kind, message } = await kit.fault(admit(file, { tee: [lose, gpu] }));
          faults.push([code, kind, message.includes('lost'), gpu.buffers.size].join());
          device.destroy();
        }
      }
      return faults;
    }, url);
    assert.deepEqual(faults, Array.from({ length: 8 }, () => 'device,retry,true,0'));
  }, { needs: ['WebGPU'] });

  test('a usage that cannot be, and buffers destroyed on the way: the GPU says so, to this admission only', async ({
    page, server,
  }) => {
    const { url } = server.put({ body: odd });
    const seen = await page.run(async url => {
      const file = new Blob([await kit.bytes(url)]);
      const guest = await kit.guest();
      const device = await kit.gpu.device();
      const uncaptured = [];
      device.onuncapturederror = ({ error }) => uncaptured.push(error.message);
      const { MAP_READ, STORAGE } = GPUBufferUsage;
      const usage = await kit.fault(kit.admit(guest, file, { tee: kit.gpuTee(device, { usage: MAP_READ | STORAGE }) }));
      const made = [];
      const gpu = kit.gpuTee(kit.gpu.recording(device, made));
      const destroy = { write: (_, offset) => void (offset > 1e6 && made.at(-1).destroy()) };
      const destroyed = await kit.fault(kit.admit(guest, file, { tee: [destroy, gpu] }));
      await kit.sleep(50);
      device.destroy();
      return { usage, destroyed, uncaptured, count: made.length };
    }, url);
    for (const fault of [seen.usage, seen.destroyed])
      assert.deepEqual([fault.code, fault.kind, fault.found], ['device', 'misuse', 'validation']);
    assert.deepEqual([seen.uncaptured, seen.count], [[], 6]);
  }, { needs: ['WebGPU'] });

  test('a GPU that has no memory for a tensor: refused before its data, and the device serves the next file', async ({
    page, server,
  }) => {
    // The adapter in software gives no buffer as large as it says that one may be.
    const file = gguf({ tensors: [{ name: 'small', bytes: 300_000 }, { name: 'large', bytes: 64 }] });
    const dimension = Buffer.from(file.buffer).indexOf('large') + 5 + 4;
    const [head, next] = [server.put({ body: file }), server.put({ body: odd })];
    const seen = await page.run(async ({ head, next, dimension }) => {
      const device = await kit.gpu.device(true);
      const uncaptured = [];
      device.onuncapturederror = ({ error }) => uncaptured.push(error.message);
      const bytes = await kit.bytes(head);
      new DataView(bytes.buffer).setBigUint64(dimension, BigInt(device.limits.maxBufferSize), true);
      const { guestWorker } = await kit.guestWorker();
      const guest = await kit.guest();
      const faults = [];
      for (const admit of [kit.admit.bind(null, guest), guestWorker.admit.bind(guestWorker)]) {
        const made = [];
        const gpu = kit.gpuTee(kit.gpu.recording(device, made));
        const source = kit.controlled(bytes, { piece: 1000 });
        const { code, kind, found, message } = await kit.fault(admit(source.stream, { tee: gpu }));
        // Who writes to a buffer that was destroyed hears of it.
        device.pushErrorScope('validation');
        device.queue.writeBuffer(made[0], 0, new Uint8Array(4));
        const isDestroyed = (await device.popErrorScope()) !== null;
        const { given, isCancelled } = source;
        faults.push({ code, kind, found, message, left: gpu.buffers.size, isDestroyed, given, isCancelled });
      }
      const gpu = kit.gpu.readableTee(kit, device);
      const good = new Blob([await kit.bytes(next)]);
      const model = await kit.admit(guest, good, { tee: gpu });
      const wrong = await kit.gpu.differing(device, gpu.buffers, model.report.tensors, good);
      model.release();
      device.destroy();
      return { faults, uncaptured, wrong };
    }, { head: head.url, next: next.url, dimension });
    for (const { message, given, ...fault } of seen.faults) {
      assert.deepEqual(fault, {
        code: 'device', kind: 'retry', found: 'out-of-memory', left: 0, isDestroyed: true, isCancelled: true,
      });
      assert.match(message, /^the GPU: ./);
      assert.ok(given < 150_000, `${given} bytes were taken`);
    }
    assert.deepEqual([seen.faults.length, seen.uncaptured, seen.wrong], [2, [], []]);
  }, { needs: ['WebGPU'] });

  test('the example: a row of the real model on the GPU is that row, computed by itself', async ({
    browser, server,
  }) => {
    const tab = await browser.open(`${server.origin}/app/webgpu/index.html`);
    try {
      await tab.pick('#file', [MODEL]);
      const status = await until(tab, () => {
        const { state } = document.querySelector('#status').dataset;
        return ['admitted', 'failed'].includes(state) ? document.querySelector('#status').textContent : undefined;
      });
      assert.equal(status, 'Admitted: 236 tensors are buffers of the GPU.');
      assert.ok(await tab.evaluate(() => document.querySelector('#tensor').textContent.includes('token_embd.weight')));
      for (const row of [0, 1, 2, 77_777, 262_143]) {
        await tab.evaluate(row => {
          document.querySelector('#tensor').value = 'token_embd.weight';
          document.querySelector('#index').value = row;
          document.querySelector('#product').value = '';
          document.querySelector('#row').requestSubmit();
        }, row);
        const product = Number(await until(tab, () => document.querySelector('#product').value || undefined));
        const { expected, size } = await rowOfFile(row);
        assert.ok(size > 0 && Math.abs(product - expected) <= 1e-5 * size, `row ${row}: ${product}, not ${expected}`);
      }
    } finally {
      await tab.close();
    }
  }, { skip, timeout: 120_000, needs: ['WebGPU'] });
});

/** What `look` finds in the page, once it finds something. */
async function until(tab, look) {
  for (;;) {
    const found = await tab.evaluate(look);
    if (found !== undefined && found !== null) return found;
    await new Promise(resolve => setTimeout(resolve, 100));
  }
}

/**
 * A row of the embedding times sin(0), sin(1), ..., from the file's bytes and in 64 bits; and the sum of the products'
 * sizes, which is what an error is measured by.
 */
async function rowOfFile(row) {
  const columns = 640;
  const bytes = Buffer.alloc((columns / 32) * 34);
  const header = await readHeader(await loadGuest(), { path: MODEL });
  const { offset } = header.report.tensors.find(({ name }) => name === EMBEDDING.name);
  const file = openSync(MODEL, 'r');
  readSync(file, bytes, 0, bytes.length, offset + row * bytes.length);
  closeSync(file);
  let [expected, size] = [0, 0];
  for (let column = 0; column < columns; column++) {
    const block = Math.floor(column / 32) * 34;
    const weight = half(bytes.readUInt16LE(block)) * bytes.readInt8(block + 2 + (column % 32));
    const product = weight * Math.fround(Math.sin(column));
    expected += product;
    size += Math.abs(product);
  }
  return { expected, size };
}

/** A number of 16 bits: a sign, 5 bits of exponent, 10 of fraction. @param {number} bits */
function half(bits) {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}
