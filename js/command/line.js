// A verdict in one line, for people or for programs.
import process from 'node:process';
import { HIDDEN, label } from './label.js';

/** @typedef {import('./verdict.js').Verdict} Verdict */

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
  return JSON.stringify({ ...ORDER, ...fields }).replace(HIDDEN, escaped);
}

/** As JSON does it, so that a program reads what it would have read. @param {string} letter */
const escaped = letter =>
  letter.split('').map(unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');

/** The order of the fields. */
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
  const line = `${shown}  ${name}${' '.repeat(Math.max(0, width - [...name].length))}  ${says(verdict)}`;
  const found = (verdict.findings ?? []).map(({ rule, level, path, offset, message }) =>
    `\n        ${level} ${rule}${placed(path, offset)}: ${message}`);
  return line + found.join('');
}

/** @param {Verdict} verdict */
function says({ verdict, code, offset, path, message, length, digests, architecture, tensors }) {
  if (verdict === 'unread') return message;
  if (verdict === 'rejected') {
    // `magic in magic` says nothing more.
    return `${code}${placed(path === code ? null : path, offset)}: ${message}`;
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

/** @param {string | null} path @param {number | null} offset */
const placed = (path, offset) =>
  `${path === null ? '' : ` in ${path}`}${offset === null ? '' : ` at byte ${grouped(offset)}`}`;

/** @param {number} number  `1234567` as `1,234,567` */
const grouped = number => String(number).replace(/\B(?=(\d{3})+$)/g, ',');
