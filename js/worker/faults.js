import { AdmissionError, DETAILS, isAdmissionError } from '../core/errors.js';
import { textOf } from '../core/text.js';

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
  /** @type {Map<number, unknown>} ours, by the numbers under which they went */ #ours = new Map();
  /** @type {WeakMap<object, number>} theirs, and the numbers under which they came */ #theirs = new WeakMap();

  /**
   * Never throws. What cannot cross becomes an error that says so; it is the very value again where it comes home.
   *
   * @param {unknown} error
   * @param {number} [depth]
   * @returns {PackedFault}
   */
  pack(error, depth = DEPTH) {
    if (!isKept(error)) return { value: error };
    const back = this.#theirs.get(/** @type {object} */ (error));
    if (back !== undefined) return { back };
    const id = this.#ours.size + 1;
    this.#ours.set(id, error);
    try {
      return { id, ...this.#parts(error, depth) };
    } catch {
      return {
        id,
        class: 'error',
        error: { name: 'Error', message: `what was thrown cannot cross: ${textOf(error)}` },
      };
    }
  }

  /**
   * Never throws.
   *
   * @param {any} packed
   * @returns {unknown}
   */
  unpack(packed) {
    if ('back' in packed) return this.#ours.get(packed.back);
    const error = 'class' in packed ? this.#made(packed) : packed.value;
    if (packed.id !== undefined && typeof error === 'object' && error !== null) this.#theirs.set(error, packed.id);
    return error;
  }

  /**
   * @param {any} error
   * @param {number} depth
   */
  #parts(error, depth) {
    if (!isError(error)) return { value: structuredClone(error) };
    const { cause: own } = error;
    const cause = own === undefined || depth === 0 ? undefined : this.pack(own, depth - 1);
    const text = { name: textOf(error.name), message: textOf(error.message), stack: textIn(error.stack) };
    if (isAdmissionError(error)) {
      const detail = Object.fromEntries(DETAILS.all.map(field => [field, crossing(error[field])]));
      return { class: 'admission', error: { ...text, detail, cause } };
    }
    return { class: error instanceof Error && !isDomException(error) ? 'error' : 'dom', error: { ...text, cause } };
  }

  /** @param {{ class: string, error: any }} packed */
  #made({ class: sort, error: { name, message, stack, detail, cause: packedCause } }) {
    const cause = packedCause && this.unpack(packedCause);
    if (sort === 'dom') return new DOMException(message, name);
    const error = sort === 'admission'
      ? new AdmissionError(message, { ...detail, cause })
      : new (Object.hasOwn(CLASSES, name) ? CLASSES[name] : Error)(message, packedCause && { cause });
    if (error.name !== name) error.name = name;
    if (stack) error.stack = stack;
    return error;
  }
}

/**
 * What is told apart from others like it, and has to come home as itself.
 *
 * @param {unknown} value
 */
const isKept = value => (typeof value === 'object' && value !== null) || ['symbol', 'function'].includes(typeof value);

/**
 * @param {unknown} value
 * @returns {value is Error}
 */
const isError = value => value instanceof Error || isDomException(value);

/** @param {unknown} value */
const isDomException = value => typeof DOMException !== 'undefined' && value instanceof DOMException;

/** @param {unknown} value */
const textIn = value => (typeof value === 'string' ? value : undefined);

/**
 * A field as it is, or as its text.
 *
 * @param {unknown} value
 */
function crossing(value) {
  if (!isKept(value)) return value;
  try {
    return structuredClone(value);
  } catch {
    return textOf(value);
  }
}
