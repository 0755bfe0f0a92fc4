// A double of a device of WebGPU, as strict as the specification: sizes, alignment, usage, destroyed buffers, limits,
// scopes of errors, a device that is lost.

const [MAP_READ, MAP_WRITE, COPY_SRC, COPY_DST, ALL] = [1, 2, 4, 8, 0x3ff];
const STORAGE = 0x80;
/** The limits that every device has. */
const LIMITS = { maxBufferSize: 268_435_456, maxStorageBufferBindingSize: 134_217_728 };
const FILTERS = ['out-of-memory', 'validation', 'internal'];

/** @typedef {{ filter: string, error: { message: string } | null }} Scope */

export class Buffer {
  #device;
  /** Whether it is one at all: a call that is not valid, or finds no memory, answers one that is not. */
  isValid = true;
  isDestroyed = false;

  /**
   * @param {Device} device
   * @param {{ size: number, usage: number, label?: string }} descriptor
   */
  constructor(device, { size, usage, label = '' }) {
    this.#device = device;
    this.size = size;
    this.usage = usage;
    this.label = label;
    this.bytes = new Uint8Array(0);
  }

  destroy() {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.#device.held -= this.bytes.length;
  }
}

export class Device {
  limits;
  /** Everything that was ever made. */
  /** @type {Buffer[]} */ made = [];
  /** Bytes in buffers that live, the most there ever were of what was written and not waited for, and of one write. */
  held = 0;
  mostAhead = 0;
  mostAtOnce = 0;
  /** Errors outside of every scope. */
  /** @type {{ message: string }[]} */ uncaptured = [];
  /** @type {Promise<{ reason: string, message: string }>} */ lost;
  isLost = false;
  #memory;
  #ahead = 0;
  /** @type {Scope[]} */ scopes = [];
  /** @type {(info: { reason: string, message: string }) => void} */ #lose = () => {};
  /** What happens before a call: it may lose the device. @type {(call: string, count: number) => void} */ before;
  /** @type {Record<string, number>} */ #calls = {};

  /**
   * @param {object} [options]
   * @param {Partial<typeof LIMITS>} [options.limits]
   * @param {number} [options.memory]
   * @param {(call: string, count: number) => void} [options.before]
   */
  constructor({ limits, memory = Infinity, before = () => {} } = {}) {
    this.limits = { ...LIMITS, ...limits };
    this.#memory = memory;
    this.before = before;
    this.lost = new Promise(resolve => (this.#lose = resolve));
  }

  queue = {
    /**
     * @param {Buffer} buffer
     * @param {number} at
     * @param {Uint8Array<ArrayBuffer>} data
     * @param {number} [start]
     * @param {number} [count]
     */
    writeBuffer: (buffer, at, data, start = 0, count = data.length - start) => {
      this.#call('writeBuffer');
      if (!(buffer instanceof Buffer)) throw new TypeError('not a GPUBuffer');
      if (start + count > data.length || count % 4 !== 0) throw new DOMException('no such range', 'OperationError');
      if (this.isLost) return;
      const isWrong = !buffer.isValid || buffer.isDestroyed || !(buffer.usage & COPY_DST) || at % 4 !== 0
        || at + count > buffer.size;
      if (isWrong) return this.fail('validation', `writeBuffer: ${count} bytes at ${at} of ${buffer.label}`);
      buffer.bytes.set(data.subarray(start, start + count), at);
      this.#ahead += count;
      this.mostAhead = Math.max(this.mostAhead, this.#ahead);
      this.mostAtOnce = Math.max(this.mostAtOnce, count);
    },
    onSubmittedWorkDone: async () => {
      this.#call('onSubmittedWorkDone');
      const done = this.#ahead;
      await new Promise(resolve => setTimeout(resolve));
      this.#ahead -= done;
    },
  };

  /** @param {{ size: number, usage: number, label?: string }} descriptor */
  createBuffer(descriptor) {
    this.#call('createBuffer');
    const { size, usage } = descriptor;
    const buffer = new Buffer(this, descriptor);
    this.made.push(buffer);
    if (this.isLost) return buffer;
    const isUsage = usage !== 0 && (usage & ~ALL) === 0
      && !(usage & MAP_READ && usage & ~(MAP_READ | COPY_DST))
      && !(usage & MAP_WRITE && usage & ~(MAP_WRITE | COPY_SRC));
    if (!Number.isInteger(size) || size < 0) throw new TypeError(`not a size: ${size}`);
    buffer.isValid = isUsage && size <= this.limits.maxBufferSize;
    if (!buffer.isValid) this.fail('validation', `createBuffer: size ${size}, usage ${usage}`);
    else if (this.held + size > this.#memory) {
      buffer.isValid = false;
      this.fail('out-of-memory', `no memory for ${size} bytes`);
    } else {
      this.held += size;
      buffer.bytes = new Uint8Array(size);
    }
    return buffer;
  }

  /** @param {string} filter */
  pushErrorScope(filter) {
    if (!FILTERS.includes(filter)) throw new TypeError(`not a filter: ${filter}`);
    this.scopes.push({ filter, error: null });
  }

  async popErrorScope() {
    const scope = this.scopes.pop();
    await new Promise(resolve => setTimeout(resolve));
    if (!scope) throw new DOMException('no scope', 'OperationError');
    return scope.error;
  }

  /**
   * @param {string} filter
   * @param {string} message
   */
  fail(filter, message) {
    const scope = this.scopes.findLast(scope => scope.filter === filter);
    if (!scope) this.uncaptured.push({ message });
    else scope.error ??= { message };
  }

  /** @param {string} message */
  lose(message) {
    this.isLost = true;
    this.#lose({ reason: 'unknown', message });
  }

  /** What lives: of a device that failed somebody, nothing should. */
  get living() {
    return this.made.filter(buffer => !buffer.isDestroyed).length;
  }

  /** Whether a buffer of this usage and size could be bound. @param {Buffer} buffer */
  canBind = ({ usage, size }) =>
    Boolean(usage & STORAGE) && size > 0 && size % 4 === 0 && size <= this.limits.maxStorageBufferBindingSize;

  /** @param {string} call */
  #call(call) {
    this.#calls[call] = (this.#calls[call] ?? 0) + 1;
    this.before(call, this.#calls[call]);
  }
}
