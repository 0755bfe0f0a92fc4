// What the benchmark of tensors on the GPU calls in its page.
import * as gguf from '/js/index.js';

/** What is written at once, and how much of it may be on its way: as `gpuTee` has it. */
const [PIECE, AHEAD] = [2 ** 20, 8 * 2 ** 20];

/** `admit` by the place of the guest. */
const admit = {};
let device;
let file;
/** The file's bytes, so that writing them alone reads nothing. */
let bytes;
let tensors;

export async function start() {
  const [inWorker, inPage] = [await gguf.loadGuestWorker(), await gguf.loadGuest()];
  admit.worker = options => inWorker.admit(file, options);
  admit.page = options => gguf.admit(inPage, file, options);
  const adapter = await navigator.gpu.requestAdapter();
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  device = await adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } });
  [file] = document.querySelector('#file').files;
  bytes = await file.arrayBuffer();
  const header = await gguf.readHeader(inPage, file);
  ({ tensors } = header.report);
  header.release();
}

/** Admits, with the tensors put into buffers meanwhile. `wall`: seconds until all is done. */
export async function together({ place }) {
  const gpu = gguf.gpuTee(device);
  const began = performance.now();
  const model = await admit[place]({ tee: gpu });
  const wall = (performance.now() - began) / 1e3;
  await model.release();
  gpu.destroy();
  return { wall };
}

/** Admits, and then writes the same bytes into such buffers, from memory. */
export async function apart({ place }) {
  const began = performance.now();
  const model = await admit[place]();
  const buffers = await written();
  const wall = (performance.now() - began) / 1e3;
  await model.release();
  for (const buffer of buffers) buffer.destroy();
  return { wall };
}

async function written() {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
  const words = size => Math.ceil(size / 4) * 4;
  const buffers = tensors.map(({ bytes }) => device.createBuffer({ size: words(bytes), usage }));
  let sent = 0;
  let earlier = Promise.resolve();
  for (const [index, { offset, bytes: size }] of tensors.entries()) {
    for (let at = 0; at < words(size); at += PIECE) {
      const count = Math.min(PIECE, words(size) - at); // what is behind the last word is padding, and there
      device.queue.writeBuffer(buffers[index], at, bytes, offset + at, count);
      if ((sent += count) < AHEAD) continue;
      sent = 0;
      const before = earlier;
      earlier = device.queue.onSubmittedWorkDone();
      await before;
    }
  }
  await device.queue.onSubmittedWorkDone();
  return buffers;
}

/** Bytes of memory: of an empty guest, and of one that has admitted the file, with the tee and without. */
export async function memory() {
  const admitted = async options => {
    const guest = await gguf.loadGuest();
    const start = guest.memoryBytes;
    const model = await gguf.admit(guest, file, options);
    const { headerBytes } = model.report.gguf;
    model.release();
    return { start, peak: guest.memoryBytes, headerBytes };
  };
  const gpu = gguf.gpuTee(device);
  const { start, peak, headerBytes } = await admitted({ tee: gpu });
  gpu.destroy();
  return { start, tee: peak, verify: (await admitted({})).peak, header: headerBytes };
}
