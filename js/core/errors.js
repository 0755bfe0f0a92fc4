import { shown } from './text.js';

/**
 * @typedef {'misuse' | 'retry' | 'rejected' | 'dead' | 'source'} Kind
 * What to do about an error. The first four are the guest's: `misuse` fix the calling code; `retry` free or grant
 * something and make the same call again; `rejected` the file is bad; `dead` make a new instance. `source`: the bytes
 * could not be had (network, disk, server).
 */

/**
 * @typedef {'handle' | 'state' | 'argument' | 'offset' | 'window' | 'unwritten' | 'sessions' | 'memory' | 'budget'
 *   | 'magic' | 'version' | 'header' | 'limit' | 'layout' | 'truncated' | 'trailing' | 'digest' | 'set'
 *   | 'profile' | 'poisoned'} GuestCode
 */

/**
 * @typedef {'source' | 'http' | 'html' | 'range' | 'changed' | 'length' | 'locked' | 'unsupported' | 'guest' | 'worker'
 *   | 'stored' | 'damaged' | 'store' | 'quota' | 'device' | 'ceiling'} PackageCode
 */

/**
 * @typedef {GuestCode | PackageCode | (string & {})} ErrorCode
 * What happened, as a stable word for programs: docs/errors.md says what to do about each. Codes may be added; then the
 * kind still says what to do.
 */

/**
 * @typedef {object} Detail
 * @property {ErrorCode} code
 * @property {Kind} kind
 * @property {number | null} [status]   the guest's status (negative), or the HTTP status (positive) of code `http`
 * @property {number | null} [offset]   byte of the file that the error is about
 * @property {string | null} [path]     field of the file: `tensors[17].offset`
 * @property {string | null} [expected]
 * @property {string | null} [found]
 * @property {string} [state]      of the session when it failed
 * @property {number | null} [shard]    of a set: the place in the list of sources
 * @property {unknown} [cause]
 */

/**
 * Every error of this package. Programs use `code` and `kind`; `message` is for people.
 * What a host's own callback, tee or signal throws is passed on as it is.
 */
export class AdmissionError extends Error {
  /**
   * @param {string} message
   * @param {Detail} detail
   */
  constructor(message, detail) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'AdmissionError';
    /** @type {ErrorCode} */ this.code = detail.code;
    this.kind = detail.kind;
    this.status = detail.status ?? null;
    this.offset = detail.offset ?? null;
    this.path = detail.path ?? null;
    this.expected = detail.expected ?? null;
    this.found = detail.found ?? null;
    this.state = detail.state ?? 'none';
    this.shard = detail.shard ?? null;
  }
}

/**
 * Also of what throws when it is asked: a proxy that was revoked, thrown by a callback.
 *
 * @param {unknown} value
 * @returns {value is AdmissionError}
 */
export function isAdmissionError(value) {
  try {
    return value instanceof AdmissionError;
  } catch {
    return false;
  }
}

/** The fields of an error, beside its message: all, and those that say where. */
export const DETAILS = {
  all: /** @type {const} */ (['code', 'kind', 'status', 'offset', 'path', 'expected', 'found', 'state', 'shard']),
  place: /** @type {const} */ (['offset', 'path', 'expected', 'found']),
};

/**
 * @template {keyof Detail} Name
 * @param {Pick<Detail, Name>} error
 * @param {readonly Name[]} names
 * @returns {Pick<Detail, Name>}
 */
export const picked = (error, names) =>
  /** @type {Pick<Detail, Name>} */ (Object.fromEntries(names.map(name => [name, error[name]])));

/**
 * An error of one shard of a set.
 *
 * @param {AdmissionError} error
 * @param {number} shard  its place in the list
 * @param {number} count  of all
 */
export const ofShard = (error, shard, count) =>
  new AdmissionError(`shard ${shard + 1} of ${count}: ${messageOf(error)}`, {
    ...picked(error, DETAILS.all), shard, cause: error,
  });

/**
 * The calling code is wrong: an option, an argument, an object of an unknown sort.
 * @param {string} message
 * @param {Partial<Detail>} [detail]
 */
export const misuse = (message, detail) =>
  new AdmissionError(message, { code: 'argument', kind: 'misuse', ...detail });

/**
 * The bytes could not be had.
 * @param {string} message
 * @param {Partial<Detail>} [detail]
 */
export const sourceFault = (message, detail) =>
  new AdmissionError(message, { code: 'source', kind: 'source', ...detail });

/**
 * What an error says, for a message of ours. An error of somebody else's may hold anything: it is escaped and cut.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function messageOf(error) {
  if (isAdmissionError(error)) return error.message;
  try {
    if (error instanceof Error && error.message) return shown(error.message, MOST_SAID);
  } catch {
    // One that throws when it is asked.
  }
  return shown(error, MOST_SAID);
}

/** Characters of another's message. */
const MOST_SAID = 300;

/**
 * Of a fetch that failed: Node says why in the cause only.
 *
 * @param {unknown} error
 */
export const whyOf = error => messageOf(error instanceof Error && error.cause ? error.cause : error);

/**
 * What tells the errors of every realm apart: a frame's are no instances of the page's classes.
 *
 * @param {unknown} error
 */
export function nameOf(error) {
  try {
    return /** @type {{ name?: unknown } | null | undefined} */ (error)?.name;
  } catch {
    return undefined; // one that throws when it is asked
  }
}

/** @type {readonly Kind[]} */
const KINDS = ['misuse', 'retry', 'rejected', 'rejected'];

/**
 * The kind of a negative status: codes that are not yet invented are sorted too.
 * @param {number} status
 * @returns {Kind}
 */
export const kindOf = status => KINDS[-status >> 4] ?? 'dead';
