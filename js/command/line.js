// A verdict in one line, for people or for programs.
import process from 'node:process';
import { label } from './label.js';

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
 */

const WORDS = { admitted: 'ok', header_ready: 'header', rejected: 'BAD', unread: 'UNREAD' };
const GREEN = '\x1b[1m\x1b[32m';
const RED = '\x1b[1m\x1b[31m';
const PLAIN = '\x1b[0m';

/**
 * Every field stands in every line, `null` where there is nothing to say.
 *
 * @param {Verdict} verdict
 */
export function jsonLine({ exit: _, ...fields }) {
  return JSON.stringify({ ...ORDER, ...fields });
}

/** The order of the fields; a profile is not offered here, so nothing is found by one. */
const ORDER = {
  file: '', verdict: '', code: null, offset: null, path: null, message: null, length: null, digests: null,
  architecture: null, tensors: null, findings: null,
};

/**
 * @param {Verdict} verdict
 * @param {number} width  columns that names take
 */
export function textLine(verdict, width) {
  const isColoured = process.stdout.isTTY && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
  const word = WORDS[verdict.verdict].padEnd(6);
  const shown = isColoured ? `${verdict.exit === 0 ? GREEN : RED}${word}${PLAIN}` : word;
  const name = label(verdict.file);
  return `${shown}  ${name}${' '.repeat(Math.max(0, width - [...name].length))}  ${says(verdict)}`;
}

/** @param {Verdict} verdict */
function says({ verdict, code, offset, path, message, length, digests, architecture, tensors }) {
  if (verdict === 'unread') return message;
  if (verdict === 'rejected') {
    // `magic in magic` says nothing more.
    const field = path !== null && path !== code ? ` in ${path}` : '';
    return `${code}${field}${offset === null ? '' : ` at byte ${grouped(offset)}`}: ${message}`;
  }
  const facts = [
    digests.sha256 && `sha256 ${digests.sha256}`,
    digests.blake3 && `blake3 ${digests.blake3}`,
    length !== null && `${grouped(length)} bytes`,
    architecture,
    tensors !== null && (tensors === 1 ? '1 tensor' : `${grouped(tensors)} tensors`),
  ];
  return facts.filter(Boolean).join('  ');
}

/** @param {number} number  `1234567` as `1,234,567` */
const grouped = number => String(number).replace(/\B(?=(\d{3})+$)/g, ',');
