// What is said of one file.
import { EXIT } from './exit.js';
import { cut } from './label.js';

/**
 * @typedef {object} Verdict
 * @property {string} file
 * @property {'admitted' | 'header_ready' | 'rejected' | 'unread'} verdict
 * @property {number} exit
 * @property {string | null} code
 * @property {number | null} offset
 * @property {string | null} path
 * @property {string | null} message
 * @property {number | null} length
 * @property {{ sha256: string | null, blake3: string | null }} digests
 * @property {string | null} architecture
 * @property {number | null} tensors
 * @property {import('../index.js').Finding[] | null} findings  of the profile
 */

/**
 * A file that was checked; and what is in the guest of it, where that is still needed.
 *
 * @typedef {{ verdict: Verdict, file?: { handle: number, release: () => void } }} Checked
 */

/** @type {Omit<Verdict, 'file' | 'verdict' | 'exit'>} */
const NOTHING = {
  code: null, offset: null, path: null, message: null, length: null, digests: { sha256: null, blake3: null },
  architecture: null, tensors: null, findings: null,
};

/**
 * @param {string} file
 * @param {'admitted' | 'header_ready'} verdict
 * @param {import('../index.js').Report} report
 * @returns {Verdict}
 */
export function passed(file, verdict, { length, digests, metadata, tensors, findings }) {
  const entry = metadata.find(({ key, type }) => key === 'general.architecture' && type === 'string');
  return {
    ...NOTHING,
    file,
    verdict,
    exit: EXIT.good,
    length,
    digests: { sha256: digests?.sha256 ?? null, blake3: digests?.blake3 ?? null },
    architecture: entry ? cut(entry.value) : null,
    tensors: tensors.length,
    findings: findings ?? null,
  };
}

/**
 * @param {Pick<Verdict, 'file' | 'length'> & Partial<Verdict>} of
 * @param {{ code: string, offset: number | null, path: string | null, message: string }} fault
 * @returns {Verdict}
 */
export function refused(of, { code, offset, path, message }) {
  return {
    ...NOTHING, ...of, verdict: 'rejected', exit: EXIT.refused, code, offset, path, message, digests: NOTHING.digests,
  };
}

/**
 * @param {string} file
 * @param {number | null} length
 * @param {unknown} error
 * @returns {Verdict}
 */
export function unread(file, length, error) {
  const message = error instanceof Error ? error.message : String(error);
  return { ...NOTHING, file, verdict: 'unread', exit: EXIT.unread, code: 'read', message, length };
}
