// A stored model whose tensors stay on the disk.
import { AdmissionError, misuse } from '../core/errors.js';
import { checkOptions, lookedAt, whole } from '../core/options.js';
import { checkGroup } from '../guest/group.js';
import { Header, placeIn, places } from '../guest/header.js';
import { ALGORITHMS } from '../guest/settings.js';
import { GROUP } from './journal.js';

/** @typedef {import('../guest/report.js').ModelReport} ModelReport */

/**
 * @typedef {object} TensorRange  Some bytes of a tensor.
 * @property {number} [start]  default: 0
 * @property {number} [end]    the first byte that is not wanted; default: the tensor's length
 */

/** @type {Readonly<Record<keyof TensorRange, import('../core/options.js').Check>>} */
const TENSOR_RANGE = { start: whole(0), end: whole(0) };

/** Groups that were proven and are held: tensors that lie beside each other share one. */
const HELD_GROUPS = 4;
/** Groups that are read at once: to ask for each costs as much as to read it. One that is held holds them all. */
const READ_GROUPS = 8;

/**
 * A stored model of which the guest holds the header only. A tensor is read from the disk when it is asked for, and
 * each MiB of the file that it lies in is proven first. So a model can be read that is larger than memory.
 *
 * Until `release`, or the end of its `using`, its file is neither removed nor replaced, from whichever tab.
 */
export class OpenedModel extends Header {
  #guest;
  #file;
  #record;
  #evidence;
  #unshare;
  /** @type {ModelReport | undefined} */ #report;
  /** @type {Map<string, number> | undefined} */ #names;
  /** @type {Map<number, Uint8Array>} the latest ones last */ #groups = new Map();

  /**
   * @param {import('../guest/guest.js').Guest} guest
   * @param {number} handle  of a session whose header is ready, and whose evidence is expected
   * @param {object} about
   * @param {Blob} about.file
   * @param {import('../guest/report.js').Digests} about.digests  that its record has
   * @param {Uint8Array} about.evidence
   * @param {() => void} about.unshare
   */
  constructor(guest, handle, about) {
    super(guest, handle);
    const { file, digests, evidence, unshare } = lookedAt('about', () => ({ ...about }));
    this.#guest = guest;
    this.#file = file;
    this.#record = digests;
    this.#evidence = evidence;
    this.#unshare = unshare;
  }

  /**
   * What the file is: facts, metadata, tensors. Its digests are those of the admission in which it was stored; all are
   * named in `recorded`.
   *
   * @override
   * @returns {ModelReport}
   */
  get report() {
    const recorded = NAMES.filter(name => this.#record[name] !== undefined);
    return (this.#report ??= { ...super.report, digests: this.#record, recorded });
  }

  /** @override */
  refresh() {
    super.refresh();
    this.#report = undefined;
  }

  /**
   * The bytes of a tensor, or some of them: the caller's to keep. Where the disk has spoilt them, that is an error of
   * the code `damaged`, with the offset of the MiB: `admitStored` mends the file.
   *
   * @param {string | number} nameOrIndex  an index is a whole number, 0 or above; anything else is misuse
   * @param {TensorRange} [range]
   * @returns {Promise<Uint8Array<ArrayBuffer> | undefined>} undefined when the file has no such tensor
   */
  async tensor(nameOrIndex, range) {
    if (this.handle === 0) throw misuse('the model is released', { code: 'handle' });
    const wanted = checkOptions(range, TENSOR_RANGE);
    const { tensors } = this.report;
    this.#names ??= places(tensors.map(({ name }) => name));
    const index = placeIn(this.#names, nameOrIndex);
    if (index === undefined) return undefined;
    const { offset, bytes } = tensors[index];
    const { start, end } = rangeIn(bytes, wanted);
    const tensor = new Uint8Array(end - start);
    const [from, to] = [offset + start, offset + end];
    await this.#eachGroup(from, to, `tensors[${index}]`, (bytes, at) => {
      const part = bytes.subarray(Math.max(from - at, 0), to - at);
      tensor.set(part, Math.max(at - from, 0));
    });
    return tensor;
  }

  /** The evidence of the file: 32 bytes for each group of 2^20 bytes. A copy. */
  evidence() {
    return new Uint8Array(this.#evidence);
  }

  /**
   * Whether `bytes` are group `group` of the file.
   *
   * @param {number} group
   * @param {Uint8Array} bytes
   */
  checkGroup(group, bytes) {
    return checkGroup(this.#guest, this.handle, group, bytes);
  }

  /** @override */
  release() {
    super.release();
    this.#groups.clear();
    this.#unshare();
  }

  /**
   * @param {number} from
   * @param {number} to
   * @param {string} path  for whose sake
   * @param {(bytes: Uint8Array, at: number) => void} take  a group that is proven, and where it begins
   */
  async #eachGroup(from, to, path, take) {
    const end = to > from ? Math.ceil(to / GROUP) : 0;
    for (let next = Math.floor(from / GROUP); next < end; ) {
      const held = this.#groups.get(next);
      if (held) {
        take(held, next * GROUP);
        this.#hold(next++, held);
        continue;
      }
      let count = 1;
      while (count < READ_GROUPS && next + count < end && !this.#groups.has(next + count)) count++;
      const all = await groupsOf(this.#file, next, count, path);
      for (const first = next; next < first + count; next++) {
        const bytes = all.subarray((next - first) * GROUP, (next - first + 1) * GROUP);
        if (!this.checkGroup(next, bytes)) throw damaged(next, path);
        take(bytes, next * GROUP);
        this.#hold(next, bytes);
      }
    }
  }

  /**
   * @param {number} index
   * @param {Uint8Array} group
   */
  #hold(index, group) {
    this.#groups.delete(index);
    this.#groups.set(index, group);
    for (const oldest of this.#groups.keys()) {
      if (this.#groups.size <= HELD_GROUPS) break;
      this.#groups.delete(oldest);
    }
  }
}

const NAMES = /** @type {import('../guest/settings.js').Algorithm[]} */ (Object.keys(ALGORITHMS));

/**
 * A group from the disk, if it is the one that was stored.
 *
 * @param {Blob} file
 * @param {number} index
 * @param {(bytes: Uint8Array) => boolean} isGood
 * @param {string} [path]  of what it is read for
 */
export async function provenGroup(file, index, isGood, path) {
  const bytes = await groupsOf(file, index, 1, path);
  if (isGood(bytes)) return bytes;
  throw damaged(index, path);
}

/**
 * @param {Blob} file
 * @param {number} index
 * @param {number} count
 * @param {string} [path]
 */
export async function groupsOf(file, index, count, path) {
  const offset = index * GROUP;
  try {
    return new Uint8Array(await file.slice(offset, offset + count * GROUP).arrayBuffer());
  } catch (cause) {
    throw new AdmissionError(`the stored file could not be read at byte ${offset}`, {
      code: 'store', kind: 'source', offset, path, cause,
    });
  }
}

/**
 * @param {number} index
 * @param {string} [path]
 */
const damaged = (index, path) =>
  new AdmissionError(`the stored file is damaged in the MiB from byte ${index * GROUP} on`, {
    code: 'damaged', kind: 'source', offset: index * GROUP, path,
  });

/**
 * @param {number} bytes  that the tensor has
 * @param {TensorRange} range
 */
function rangeIn(bytes, { start = 0, end = bytes }) {
  whole(0, bytes)(end, 'end', () => {});
  whole(0, end)(start, 'start', () => {});
  return { start, end };
}
