// The rows whose ratios are measured: what is done, beside what, and the most that is wanted of it.
import { existsSync } from 'node:fs';
import { madeFile, realFile } from './file.mjs';
import { BLAKE3, EVIDENCE, NONE } from './guest.mjs';
import { REAL_HEADER, comparisons } from './set.mjs';

const models = new URL('../../target/models/', import.meta.url);
export const REAL = new URL('gemma-3-270m-q4_k_m.gguf', models);
const VOCABULARY = new URL('vocab/ggml-vocab-gemma-4.gguf', models);
export const SMALL = madeFile(256 * 2 ** 20);
export const LARGE = madeFile(4 * 2 ** 30);

/**
 * @typedef {object} Row
 * @property {string} what
 * @property {number | null} most
 * @property {() => unknown} work
 * @property {() => unknown} base
 * @property {boolean} [long]  whether one run takes seconds
 */

/** The rows of the files that are here. @param {import('./guest.mjs').Guest} guest @returns {Row[]} */
export function rowsOf(guest) {
  const many = madeFile(64 * 2 ** 20, 65_536);
  return [
    ...(existsSync(REAL) ? rowsOfReal(guest, realFile(REAL)) : []),
    ...(existsSync(VOCABULARY) ? [rowOfVocabulary(guest, realFile(VOCABULARY))] : []),
    {
      what: '65,536 tensors in 64 MiB, SHA-256 verify / copy + SHA-256',
      most: null,
      work: () => guest.v2(many),
      base: () => guest.plain(many),
    },
    {
      what: '256 MiB, small header, BLAKE3 verify / copy + BLAKE3',
      most: 1.1,
      work: () => guest.v2(SMALL, { digests: BLAKE3 }),
      base: () => guest.plain(SMALL, { digests: BLAKE3 }),
    },
    {
      what: '4 GiB, SHA-256 verify / copy + SHA-256',
      most: 1.03,
      work: () => guest.v2(LARGE),
      base: () => guest.plain(LARGE),
      long: true,
    },
    {
      what: '4 GiB, no digest, verify / copy',
      most: 1.25,
      work: () => guest.v2(LARGE, { digests: NONE }),
      base: () => guest.plain(LARGE, { digests: NONE }),
    },
  ];
}

/** @param {import('./guest.mjs').Guest} guest @param {import('./file.mjs').File} real @returns {Row[]} */
function rowsOfReal(guest, real) {
  const part = { end: REAL_HEADER };
  const prove = { handle: 0 };
  return [
    {
      what: 'real model, SHA-256 verify / copy + SHA-256',
      most: 1.03,
      work: () => guest.v2(real),
      base: () => guest.plain(real),
    },
    {
      what: 'real model, BLAKE3 verify / copy + BLAKE3',
      most: 1.3,
      work: () => guest.v2(real, { digests: BLAKE3 }),
      base: () => guest.plain(real, { digests: BLAKE3 }),
    },
    {
      what: 'real model, BLAKE3 and evidence verify / BLAKE3 verify',
      most: 1.03,
      work: () => guest.v2(real, { digests: EVIDENCE }),
      base: () => guest.v2(real, { digests: BLAKE3 }),
    },
    {
      what: 'real model, groups proven by evidence / copy + BLAKE3',
      most: 1.1,
      work() {
        // The first run, which warms up, makes the evidence.
        prove.handle ||= guest.v2(real, { digests: EVIDENCE, keep: true }).handle;
        guest.prove(real, prove.handle);
      },
      base: () => guest.plain(real, { digests: BLAKE3 }),
    },
    {
      what: 'real model, no digest, verify / copy',
      most: null,
      work: () => guest.v2(real, { digests: NONE }),
      base: () => guest.plain(real, { digests: NONE }),
    },
    {
      what: 'real header, no digest / SHA-256 of its bytes',
      most: 1.0,
      work: () => guest.v2(real, { ...part, digests: NONE }),
      base: () => guest.plain(real, part),
    },
    {
      what: 'real model, resident / verify (SHA-256)',
      most: null,
      work: () => guest.v2(real, { sink: 'resident' }),
      base: () => guest.v2(real),
    },
    ...comparisons(guest, real).map(([what, most, work, base]) => ({ what, most, work, base })),
  ];
}

/** @param {import('./guest.mjs').Guest} guest @param {import('./file.mjs').File} vocabulary @returns {Row} */
function rowOfVocabulary(guest, vocabulary) {
  return {
    what: 'all header (15.8 MB vocabulary), no digest / SHA-256',
    most: null,
    work: () => guest.v2(vocabulary, { digests: NONE }),
    base: () => guest.plain(vocabulary),
  };
}
