// One verdict after the other.
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { AdmissionError, admit, loadGuest, readHeader } from '../index.js';
import { EXIT, Usage } from './exit.js';
import { cut, label } from './label.js';
import { Progress } from './progress.js';
import { jsonLine, textLine } from './line.js';
import { Sums } from './sums.js';

/**
 * @typedef {{ json?: boolean, sha256?: string, sums?: string, blake3?: boolean, evidence?: string,
 *   'header-only'?: boolean }} Options
 */

/** @typedef {{ file: string, sha256: string | undefined }} Job */

const VALUE_BYTES = 32;

/**
 * @param {string[]} files
 * @param {Options} options
 * @returns {Promise<number>} the exit code
 */
export async function check(files, options) {
  const reading = readLists(files, options);
  if ('unread' in reading) {
    process.stderr.write(`gguf-admission: ${reading.unread}\n`);
    return EXIT.unread;
  }
  const { jobs, evidence } = reading;
  const guest = await loadGuest();
  const width = Math.max(0, ...jobs.map(({ file }) => [...label(file)].length));
  /** @type {number} */ let exit = EXIT.good;
  for (const job of jobs) {
    const progress = new Progress(label(job.file));
    const verdict = await judged(guest, job, evidence, options, progress);
    progress.end();
    exit = Math.max(exit, verdict.exit);
    process.stdout.write(`${options.json ? jsonLine(verdict) : textLine(verdict, width)}\n`);
  }
  return exit;
}

/**
 * Which files, what each must be, and the evidence; or what could not be read.
 *
 * @param {string[]} files
 * @param {Options} options
 * @returns {{ jobs: Job[], evidence: Uint8Array | undefined } | { unread: string }}
 */
function readLists(files, options) {
  const { sha256, sums, evidence } = options;
  if (files.length === 0 && sums === undefined) throw new Usage('which file?');
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(sha256)) throw new Usage('a SHA-256 is 64 hexadecimal digits');
  if (sha256 !== undefined && sums !== undefined) throw new Usage('--sha256 and --sums exclude each other');
  const isAlone = files.length === 1;
  if (sha256 !== undefined && !isAlone) throw new Usage('--sha256 is of one file');
  if (evidence !== undefined && !isAlone) throw new Usage('--evidence is of one file');
  const reads = sha256 !== undefined || sums !== undefined || evidence !== undefined || options.blake3;
  if (options['header-only'] && reads) throw new Usage('--header-only reads nothing that has a digest');
  if (files.filter(file => file === '-').length > 1) throw new Usage('standard input can be read once');
  let path = evidence ?? '';
  try {
    const values = evidence === undefined ? undefined : new Uint8Array(readFileSync(evidence));
    if (values && (values.length === 0 || values.length % VALUE_BYTES > 0)) {
      return { unread: `${label(path)}: evidence is ${VALUE_BYTES} bytes for each group` };
    }
    if (sums === undefined) return { jobs: files.map(file => ({ file, sha256 })), evidence: values };
    path = sums;
    const list = new Sums(readFileSync(sums, 'utf8'));
    const jobs = (files.length > 0 ? files : list.names).map(file => ({ file, sha256: list.get(file) }));
    const missing = jobs.find(job => job.sha256 === undefined);
    if (missing) throw new Usage(`${label(missing.file)} is not in the list`);
    return { jobs, evidence: values };
  } catch (error) {
    if (error instanceof Usage) throw error;
    return { unread: `${label(path)}: ${error instanceof Error ? error.message : error}` };
  }
}

/**
 * @param {import('../index.js').Guest} guest
 * @param {Job} job
 * @param {Uint8Array | undefined} evidence
 * @param {Options} options
 * @param {Progress} progress
 * @returns {Promise<import('./line.js').Verdict>}
 */
async function judged(guest, { file, sha256 }, evidence, options, progress) {
  const source = file === '-' ? process.stdin : { path: file };
  /** @type {number | null} */ let length = null;
  const onProgress = (/** @type {import('../index.js').AdmissionProgress} */ { bytes, total }) => {
    length ??= total ?? null;
    progress.show(bytes, total);
  };
  try {
    if (options['header-only']) {
      const header = await readHeader(guest, source, { onProgress });
      const { report } = header;
      header.release();
      return passed(file, 'header_ready', report);
    }
    const digests = options.blake3 ? /** @type {const} */ (['blake3']) : undefined;
    const model = await admit(guest, source, { sha256, evidence, digests, onProgress });
    const { report } = model;
    model.release();
    return passed(file, 'admitted', report);
  } catch (error) {
    if (error instanceof AdmissionError && error.kind === 'rejected') {
      const { code, offset, path, message } = error;
      return { ...NOTHING, file, verdict: 'rejected', exit: EXIT.refused, code, offset, path, message, length };
    }
    const message = error instanceof Error ? error.message : String(error);
    return { ...NOTHING, file, verdict: 'unread', exit: EXIT.unread, code: 'read', message, length };
  }
}

const NOTHING = {
  code: null, offset: null, path: null, message: null, length: null, digests: { sha256: null, blake3: null },
  architecture: null, tensors: null,
};

/**
 * @param {string} file
 * @param {'admitted' | 'header_ready'} verdict
 * @param {import('../index.js').Report} report
 * @returns {import('./line.js').Verdict}
 */
function passed(file, verdict, { length, digests, metadata, tensors }) {
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
  };
}
