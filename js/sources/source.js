// What every source of bytes looks like to an admission.

/** @typedef {import('./http/earlier.js').Earlier} Earlier */
/** @typedef {import('./http/earlier.js').Identity} Identity */

/**
 * @typedef {object} Source  A file's bytes, pulled in order, once.
 * @property {number | undefined} length  exact length in bytes, when it is known; never 0. Right after `open`
 * @property {number | undefined} [total]  length that is good enough for a progress bar only
 * @property {() => Promise<void>} [open]  what has to be waited for before the first read
 * @property {(most: number) => Promise<Uint8Array | null>} read
 *   The next bytes, 1 to `most` of them, good until the next call; null at the end.
 * @property {boolean} [isPrivate]  whether nobody else can reach the bytes that were read last: they need no copy
 * @property {(target: Uint8Array, offset: number) => number} [readSync]
 *   Reads straight into `target`; 0 at the end. A source that has it needs no buffer of its own.
 * @property {(reason?: unknown) => Promise<void>} close
 *   Cancels what is unread, unlocks, and closes what the source itself opened. Never fails.
 * @property {AbortSignal | undefined} [signal]  one that ends the source, beside the admission's own
 * @property {(earlier: Earlier) => void} [goOnFrom]  before `open`: asks it to give the bytes from an offset on, if it
 *   can show that they are of the same file; then `position` says so, after `open`
 * @property {number} [position]  the offset of the next byte, where it may not begin with the first
 * @property {(offset: number) => Promise<void>} [rewind]  to a byte before `position`, before the first read
 * @property {Identity | undefined} [identity]  what shows in a later call that it is the same file; after `open`
 * @property {(error: unknown) => unknown} [explain]  a better error for one that this source may have caused
 */

/**
 * @typedef {object} Parts  Of what can be asked again, after it was given up as a source.
 * @property {(start: number, end: number) => Promise<Uint8Array>} read  `end` is the first byte that is not wanted. The
 *   bytes are the caller's to keep
 */

/**
 * @typedef {object} SourceOptions
 * @property {AbortSignal} [signal]
 * @property {number} [retries]      how often a request is made again without a new byte of the file; default 3. Each
 *   byte that comes gives all tries back
 * @property {number} [retryDelay]   milliseconds before the first of them, doubled for each that follows, up to 30 s;
 *   0 to 2^31-1, default 500
 * @property {number} [stallTimeout] milliseconds without an answer or a byte after which the line counts as broken; 0
 *   waits for ever; 0 to 2^31-1, default 30,000
 * @property {string} [sha256]       with a digest required, a server needs no ETag for a download to go on
 * @property {string} [blake3]
 */

export {};
