// Devices of the GPU, and what their buffers hold.

/** What one comparison reads back at once. */
const PIECE = 16 * 1024 * 1024;

/**
 * @param {boolean} [isRaised]  with all that the adapter has, instead of the limits that every device has
 */
export async function device(isRaised = false) {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error('there is no adapter');
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  return adapter.requestDevice({ requiredLimits: isRaised ? { maxBufferSize, maxStorageBufferBindingSize } : {} });
}

/** A tee of that device, whose buffers can be read back. @param {any} kit @param {GPUDevice} device */
export const readableTee = (kit, device) =>
  kit.gpuTee(device, { usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC, label: 'weights/' });

/**
 * What a tee uses of a device.
 *
 * @param {GPUDevice} device
 * @param {GPUBuffer[]} made  gets each buffer that is made
 */
export const recording = (device, made) => ({
  limits: device.limits,
  lost: device.lost,
  queue: device.queue,
  createBuffer(/** @type {GPUBufferDescriptor} */ descriptor) {
    const buffer = device.createBuffer(descriptor);
    made.push(buffer);
    return buffer;
  },
  pushErrorScope: (/** @type {GPUErrorFilter} */ filter) => device.pushErrorScope(filter),
  popErrorScope: () => device.popErrorScope(),
});

/**
 * The tensors whose buffers are not what the file holds, padded by zeros to words. Empty: all are.
 *
 * @param {GPUDevice} device
 * @param {ReadonlyMap<string, GPUBuffer>} buffers
 * @param {{ name: string, offset: number, bytes: number }[]} tensors
 * @param {Blob} file
 */
export async function differing(device, buffers, tensors, file) {
  const found = [];
  if (buffers.size !== tensors.length) found.push(`${buffers.size} buffers of ${tensors.length} tensors`);
  for (const { name, offset, bytes } of tensors) {
    const buffer = /** @type {GPUBuffer} */ (buffers.get(name));
    if (buffer.size !== Math.max(4, Math.ceil(bytes / 4) * 4)) found.push(`${name} has ${buffer.size} bytes`);
    for (let at = 0; at < buffer.size; at += PIECE) {
      const size = Math.min(PIECE, buffer.size - at);
      const expected = new Uint8Array(size);
      expected.set(new Uint8Array(await file.slice(offset + at, offset + Math.min(bytes, at + size)).arrayBuffer()));
      if (!isSame(expected, await readBack(device, buffer, at, size))) found.push(`${name} at ${at}`);
    }
  }
  return found;
}

/**
 * @param {GPUDevice} device
 * @param {GPUBuffer} buffer
 * @param {number} at
 * @param {number} size
 */
async function readBack(device, buffer, at, size) {
  const readable = device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  const commands = device.createCommandEncoder();
  commands.copyBufferToBuffer(buffer, at, readable, 0, size);
  device.queue.submit([commands.finish()]);
  await readable.mapAsync(GPUMapMode.READ);
  const bytes = new Uint8Array(readable.getMappedRange().slice(0));
  readable.destroy();
  return bytes;
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes  of whole words
 * @param {Uint8Array<ArrayBuffer>} others
 */
function isSame(bytes, others) {
  const [one, other] = [bytes, others].map(({ buffer, byteLength }) => new Uint32Array(buffer, 0, byteLength / 4));
  for (let index = 0; index < one.length; index++) if (one[index] !== other[index]) return false;
  return true;
}
