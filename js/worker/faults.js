import { AdmissionError } from '../core/errors.js';

/**
 * @typedef {{ back: number } | { id?: number, class: string, error: any } | { id?: number, value: unknown }}
 * PackedFault
 */

/** Errors behind an error that cross with it. */
const DEPTH = 8;

/** @type {Readonly<Record<string, ErrorConstructor>>} */
const CLASSES = { EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

/**
 * Errors that go to another thread and come back. An `AdmissionError` arrives with all its fields, any other error with
 * name, message, stack and cause; and one that comes home, alone or as a cause, is the very object that was thrown.
 */
export class Faults {
  /** @type {Map<number, object>} ours, by the numbers under which they went */ #ours = new Map();
  /** @type {WeakMap<object, number>} theirs, and the numbers under which they came */ #theirs = new WeakMap();

  /**
   * @param {unknown} error
   * @param {number} [depth]
   * @returns {PackedFault}
   */
  pack(error, depth = DEPTH) {
    if (typeof error !== 'object' || error === null)
      return { value: typeof error === 'symbol' || typeof error === 'function' ? String(error) : error };
    const back = this.#theirs.get(error);
    if (back !== undefined) return { back };
    const id = this.#ours.size + 1;
    this.#ours.set(id, error);

    if (!isError(error)) return { id, value: cloned(error) };
    const cause = error.cause === undefined || depth === 0 ? undefined : this.pack(error.cause, depth - 1);
    const { name, message, stack } = error;
    if (error instanceof AdmissionError) {
      const { code, kind, status, offset, path, expected, found, state } = error;
      return {
        id,
        class: 'admission',
        error: { message, stack, detail: { code, kind, status, offset, path, expected, found, state }, cause },
      };
    }
    return {
      id,
      class: error instanceof Error && !isDomException(error) ? 'error' : 'dom',
      error: { name: String(name), message: String(message), stack, cause },
    };
  }

  /**
   * @param {any} packed
   * @returns {unknown}
   */
  unpack(packed) {
    if ('back' in packed) return this.#ours.get(packed.back);
    const error = 'class' in packed ? this.#made(packed) : packed.value;
    if (packed.id !== undefined && typeof error === 'object' && error !== null) this.#theirs.set(error, packed.id);
    return error;
  }

  /** @param {{ class: string, error: any }} packed */
  #made({ class: sort, error: { name, message, stack, detail, cause: packedCause } }) {
    const cause = packedCause && this.unpack(packedCause);
    if (sort === 'dom') return new DOMException(message, name);
    const error = sort === 'admission'
      ? new AdmissionError(message, { ...detail, cause })
      : new (CLASSES[name] ?? Error)(message, packedCause && { cause });
    if (error.name !== name && name !== undefined) error.name = name;
    if (stack) error.stack = stack;
    return error;
  }
}

/**
 * @param {object} value
 * @returns {value is Error}
 */
const isError = value => value instanceof Error || isDomException(value);

/** @param {object} value */
const isDomException = value => typeof DOMException !== 'undefined' && value instanceof DOMException;

/** @param {object} value */
function cloned(value) {
  try {
    return structuredClone(value);
  } catch {
    return new Error(String(value));
  }
}
