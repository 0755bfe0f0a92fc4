// A tee that puts each tensor into a buffer of the GPU, as it passes.
import { AdmissionError, misuse } from '../core/errors.js';
import { checkOptions, lookedAt, object, whole } from '../core/options.js';
import { shown } from '../core/text.js';
import { TensorTee } from './tensor-tee.js';

/** @typedef {import('./tensor-tee.js').PassingTensor} PassingTensor */
/** @typedef {import('./tensor-tee.js').TensorCalls} TensorCalls */
/** @typedef {import('../guest/report.js').Report} Report */
/** @typedef {'out-of-memory' | 'validation' | 'internal'} Filter */

/**
 * @template {{ destroy(): void }} B
 * @typedef {object} Device  What is used of a `GPUDevice`, whose buffers are `GPUBuffer`.
 * @property {{ readonly maxBufferSize: number, readonly maxStorageBufferBindingSize: number }} limits
 * @property {Promise<{ readonly message: string }>} lost
 * @property {Queue<B>} queue
 * @property {(descriptor: { size: number, usage: number, label?: string }) => B} createBuffer
 * @property {(filter: Filter) => void} pushErrorScope
 * @property {() => Promise<{ readonly message: string } | null>} popErrorScope
 */

/**
 * @template B
 * @typedef {object} Queue
 * @property {(to: B, at: number, from: Uint8Array<ArrayBuffer>, start?: number, count?: number) => void} writeBuffer
 * @property {() => Promise<unknown>} onSubmittedWorkDone
 */

/**
 * @typedef {object} GpuOptions
 * @property {number} [usage]  of each buffer, as flags of `GPUBufferUsage`. Default: STORAGE. COPY_DST is always added
 * @property {string} [label]  stands before the tensor's name in the label of its buffer. Default: nothing
 */

/** @type {Readonly<Record<keyof GpuOptions, import('../core/options.js').Check>>} */
const GPU_OPTIONS = {
  usage: whole(0, 2 ** 32 - 1),
  label: (value, name) => {
    if (typeof value === 'string') return value;
    throw misuse(`${name} must be a string, found ${shown(value)}`, { path: name, found: shown(value) });
  },
};

/** Flags of `GPUBufferUsage`, which not every place has that has this package. */
const [COPY_DST, STORAGE] = [0x08, 0x80];
/** Sizes and offsets of writes are multiples of this. */
const WORD = 4;
/** Bytes that may be on their way to the GPU before it is waited for: twice this. */
const AHEAD = 8 * 1024 * 1024;

/** @type {readonly Filter[]} */
const FILTERS = ['out-of-memory', 'validation', 'internal'];

/**
 * A tee that makes a buffer of the GPU for each tensor and fills it while the file is admitted:
 *
 *     const gpu = gpuTee(device);
 *     const model = await admit(guest, url, { tee: gpu });
 *     gpu.buffers.get('token_embd.weight');
 *
 * All buffers are made when the header is checked, before data is asked for. A buffer's size is that of its tensor,
 * rounded up to a multiple of 4, and 4 at least; what is behind the tensor's bytes is 0. A tensor is never split: where
 * one is above the device's limit `maxBufferSize`, or with the usage STORAGE `maxStorageBufferBindingSize`, the
 * admission ends there with an error of the code `device`. So it does when the device is lost, has no memory, or finds
 * a call not valid. Whenever the admission ends before the tee is closed, all buffers are destroyed.
 *
 * For one admission at a time, and for the next one only after `destroy`. Where `admit` rejects, call `destroy` too:
 * another tee or another shard may have failed after this tee was closed. It works on the thread that has the device,
 * with a guest there or in a `GuestWorker`: a device cannot cross to another thread.
 *
 * @template {{ destroy(): void }} B
 * @param {Device<B>} device
 * @param {GpuOptions} [options]
 * @returns {GpuTee<B>}
 */
export const gpuTee = (device, options) => new GpuTee(device, options);

/** @template {{ destroy(): void }} B */
export class GpuTee extends TensorTee {
  #weights;

  /**
   * @param {Device<B>} device
   * @param {GpuOptions} [options]
   */
  constructor(device, options) {
    const weights = new Weights(lookedAt('device', () => checked(device)), checkOptions(options, GPU_OPTIONS));
    super(weights);
    this.#weights = weights;
  }

  /** @override */
  begin() {
    super.begin();
    this.#weights.begin();
  }

  /** @returns {ReadonlyMap<string, B>} by tensors' names; empty until the file is admitted, and after `destroy` */
  get buffers() {
    return this.#weights.buffers;
  }

  /** Destroys all buffers. Doing it twice is harmless. */
  destroy() {
    this.#weights.destroy();
  }
}

/**
 * @template {{ destroy(): void }} B
 * @implements {TensorCalls}
 */
class Weights {
  /** @type {ReadonlyMap<string, B>} */ buffers = new Map();
  #device;
  #options;
  /** @type {Map<string, B>} */ #made = new Map();
  /** Whether they are the model's of an admission before. */ #areOthers = false;
  /** @type {B | undefined} of the tensor that is passing */ #buffer;

  /** The bytes of a word that is not whole yet. */
  #rest = new Uint8Array(WORD);
  #restBytes = 0;
  /** Bytes of the tensor that were written to its buffer. */
  #written = 0;

  /** Bytes, and faults that may come of them, since it was last asked how far the GPU is. */
  #sent = 0;
  /** @type {Promise<void>[]} */ #judgements = [];
  /** @type {Promise<unknown>} all before those */ #earlier = Promise.resolve();

  /** @type {AdmissionError | undefined} */ #lost;
  /** @type {Promise<never>} */ #whenLost;

  /**
   * @param {Device<B>} device
   * @param {GpuOptions} options
   */
  constructor(device, { usage = STORAGE, label = '' }) {
    this.#device = device;
    this.#options = { usage: usage | COPY_DST, label };
    this.#whenLost = device.lost.then(({ message }) => {
      this.#lost = deviceFault(`the device of the GPU was lost: ${shown(message, 300)}`);
      throw this.#lost;
    });
    this.#whenLost.catch(() => {});
  }

  begin() {
    this.#areOthers = this.#made.size > 0;
    // What became of an admission before is not this one's.
    this.#restBytes = 0;
    this.#sent = 0;
    this.#judgements = [];
    this.#earlier = Promise.resolve();
  }

  /** @param {Report} report */
  async open({ tensors }) {
    if (this.#areOthers) {
      throw misuse('the tee has the buffers of another model: destroy them first', { code: 'state', path: 'tee' });
    }
    for (const [index, tensor] of tensors.entries()) this.#refuseTooLarge(tensor, index);
    const { usage, label } = this.#options;
    const judged = this.#watched(() => {
      for (const { name, bytes } of tensors) {
        this.#made.set(name, this.#device.createBuffer({ size: sizeOf(bytes), usage, label: label + name }));
      }
    });
    await this.#unlessLost(judged);
  }

  /** @param {PassingTensor} tensor */
  tensor({ name }) {
    this.#buffer = this.#made.get(name);
    if (!this.#buffer) throw destroyed();
    this.#written = 0;
  }

  /** @param {Uint8Array} bytes */
  async write(bytes) {
    if (this.#lost) throw this.#lost;
    // The GPU takes whole words only, and pieces end anywhere: the word on a border is put together here.
    let start = 0;
    while (start < bytes.length && this.#restBytes % WORD > 0) this.#rest[this.#restBytes++] = bytes[start++];
    if (this.#restBytes === WORD) this.#sendRest();
    const end = bytes.length - ((bytes.length - start) % WORD);
    if (end > start) this.#send(bytes, start, end - start);
    for (let at = end; at < bytes.length; at++) this.#rest[this.#restBytes++] = bytes[at];
    if (this.#sent >= AHEAD) await this.#catchUp();
  }

  whole() {
    if (this.#restBytes > 0) this.#sendRest();
  }

  /** @param {import('../guest/report.js').FileReport} report */
  async close({ tensors }) {
    await this.#catchUp();
    await this.#unlessLost(this.#earlier);
    if (this.#made.size < tensors.length) throw destroyed();
    this.buffers = this.#made;
  }

  abort() {
    if (!this.#areOthers) this.destroy();
  }

  destroy() {
    for (const buffer of this.#made.values()) buffer.destroy();
    this.#made = new Map();
    this.buffers = new Map();
    this.#areOthers = false;
  }

  /**
   * @param {import('../guest/report.js').Tensor} tensor
   * @param {number} index
   */
  #refuseTooLarge({ name, bytes }, index) {
    const { limits } = this.#device;
    const asked = /** @type {const} */ (['maxBufferSize', 'maxStorageBufferBindingSize']);
    const [kind] = asked.filter(kind => kind === 'maxBufferSize' || this.#options.usage & STORAGE)
      .filter(kind => sizeOf(bytes) > limits[kind]);
    if (!kind) return;
    const size = sizeOf(bytes);
    throw deviceFault(
      `tensor ${shown(name)} needs a buffer of ${size} bytes, ${kind} of this device is ${limits[kind]}:`
        + ' ask for a device with more by requiredLimits, or take a file with smaller tensors',
      { path: `tensors[${index}]`, expected: String(limits[kind]), found: String(size) },
    );
  }

  #sendRest() {
    this.#send(this.#rest.fill(0, this.#restBytes), 0, WORD);
    this.#restBytes = 0;
  }

  /**
   * @param {Uint8Array} bytes
   * @param {number} start
   * @param {number} count  whole words
   */
  #send(bytes, start, count) {
    const from = /** @type {Uint8Array<ArrayBuffer>} */ (bytes);
    const to = /** @type {B} */ (this.#buffer);
    const judged = this.#watched(() => this.#device.queue.writeBuffer(to, this.#written, from, start, count));
    judged.catch(() => {}); // told by the next #catchUp
    this.#judgements.push(judged);
    this.#written += count;
    this.#sent += count;
  }

  /** Waits for what was on its way the last time, so that the GPU is never more than two steps behind. */
  async #catchUp() {
    const before = this.#earlier;
    this.#earlier = Promise.all([...this.#judgements, this.#device.queue.onSubmittedWorkDone()]);
    this.#earlier.catch(() => {});
    this.#judgements = [];
    this.#sent = 0;
    await this.#unlessLost(before);
  }

  /** @param {Promise<unknown>} promise */
  async #unlessLost(promise) {
    await Promise.race([promise, this.#whenLost]);
    if (this.#lost) throw this.#lost;
  }

  /**
   * Settles with the first error of the device in what `act` did. Scopes are a stack of the device's, which may have
   * others: ours are open for this very moment only.
   *
   * @param {() => void} act
   * @returns {Promise<void>}
   */
  #watched(act) {
    for (const filter of FILTERS) this.#device.pushErrorScope(filter);
    /** @type {Promise<{ readonly message: string } | null>[]} */ let found = [];
    try {
      act();
    } finally {
      found = FILTERS.map(() => this.#device.popErrorScope());
      for (const one of found) one.catch(() => {}); // where `act` throws
    }
    return this.#judged(found);
  }

  /** @param {Promise<{ readonly message: string } | null>[]} found  in the order of the stack: the last filter first */
  async #judged(found) {
    for (const [index, error] of (await Promise.all(found)).entries()) {
      if (!error) continue;
      const filter = FILTERS[FILTERS.length - 1 - index];
      throw deviceFault(`the GPU: ${shown(error.message, 300)}`, {
        kind: filter === 'validation' ? 'misuse' : 'retry', found: filter, cause: error,
      });
    }
  }
}

/**
 * @template {{ destroy(): void }} B
 * @param {Device<B>} device
 * @returns {Device<B>}
 */
function checked(device) {
  const refuse = () => {};
  object('createBuffer')(device, 'device', refuse);
  object('writeBuffer')(device.queue, 'device.queue', refuse);
  object('then')(device.lost, 'device.lost', refuse);
  return device;
}

const destroyed = () => misuse('the buffers were destroyed meanwhile', { code: 'state', path: 'tee' });

/** @param {number} bytes */
const sizeOf = bytes => Math.max(WORD, Math.ceil(bytes / WORD) * WORD);

/**
 * @param {string} message
 * @param {Partial<import('../core/errors.js').Detail>} [detail]
 */
const deviceFault = (message, detail) =>
  new AdmissionError(message, { code: 'device', kind: 'retry', path: 'tee', ...detail });
