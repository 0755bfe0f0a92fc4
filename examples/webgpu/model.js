// A model whose tensors are buffers of the GPU.
import { admit, gpuTee, loadGuestWorker } from '../../js/index.js';

/**
 * @param {Blob | string} source  a file, or an address
 * @param {Parameters<typeof admit>[2]} options
 */
export async function load(source, options) {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) throw new Error('this browser has no WebGPU here');
  // By default a tensor may have 128 MiB; the embedding of a small model can have more.
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const device = await adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } });

  // The guest is in a worker, the device is here: the bytes come over, judged.
  const guest = await loadGuestWorker();
  const gpu = gpuTee(device);
  try {
    const model = await guest.admit(source, { ...options, tee: gpu });
    const { report } = model;
    await model.release(); // the buffers stay
    return { device, report, buffers: gpu.buffers };
  } catch (error) {
    device.destroy();
    throw error;
  } finally {
    await guest.close();
  }
}
