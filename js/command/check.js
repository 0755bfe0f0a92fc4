// One verdict after the other.
import { readFileSync, statSync } from 'node:fs';
import process from 'node:process';
import { AdmissionError, admit, loadGuest, readHeader } from '../index.js';
import { EXIT, Usage } from './exit.js';
import { label } from './label.js';
import { Progress } from './progress.js';
import { jsonLine, textLine } from './line.js';
import { filesOf, joinShards } from './shards.js';
import { Sums } from './sums.js';
import { passed, refused, unread } from './verdict.js';

/**
 * @typedef {{ json?: boolean, sha256?: string, sums?: string, blake3?: boolean, evidence?: string,
 *   profile?: string, set?: boolean, 'header-only'?: boolean }} Options
 */

/** @typedef {{ file: string, sha256?: string, shards?: number }} Job  `shards`: of the set that begins with it */
/** @typedef {import('./verdict.js').Checked} Checked */

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
  // The shards of a set are told when the last of them is there.
  /** @type {Checked[]} */ let gathered = [];
  let count = 1;
  for (const job of jobs) {
    const progress = new Progress(label(job.file));
    count = job.shards ?? count;
    gathered.push(await judged(guest, job, evidence, options, progress));
    progress.end();
    if (gathered.length < count) continue;
    if (options.set) joinShards(guest, gathered);
    for (const { verdict, file } of gathered) {
      file?.release();
      exit = Math.max(exit, verdict.exit);
      process.stdout.write(`${options.json ? jsonLine(verdict) : textLine(verdict, width)}\n`);
    }
    gathered = [];
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
  if (options.profile !== undefined && options.profile !== 'llama') throw new Usage('the profile is llama');
  const isOther = sha256 !== undefined || sums !== undefined || evidence !== undefined;
  if (options.set && isOther) throw new Usage('--set goes with no --sha256, --sums or --evidence');
  if (options['header-only'] && reads) throw new Usage('--header-only reads nothing that has a digest');
  if ([...files, sums].filter(file => file === '-').length > 1) throw new Usage('standard input can be read once');
  let path = evidence ?? '';
  try {
    const values = evidence === undefined ? undefined : new Uint8Array(readFileSync(evidence));
    if (values && (values.length === 0 || values.length % VALUE_BYTES > 0)) {
      return { unread: `${label(path)}: evidence is ${VALUE_BYTES} bytes for each group` };
    }
    if (options.set) return { jobs: files.flatMap(jobsOfSet), evidence: undefined };
    if (sums === undefined) return { jobs: files.map(file => ({ file, sha256 })), evidence: values };
    path = sums;
    const list = new Sums(readFileSync(sums === '-' ? 0 : sums, 'utf8'));
    const jobs = (files.length > 0 ? files : list.names).map(file => ({ file, sha256: list.get(file) }));
    const missing = jobs.find(job => job.sha256 === undefined);
    if (missing) throw new Usage(`${label(missing.file)} is not in the list`);
    return { jobs, evidence: values };
  } catch (error) {
    if (error instanceof Usage) throw error;
    return { unread: `${label(path)}: ${error instanceof Error ? error.message : error}` };
  }
}

/** @param {string} file @returns {Job[]} */
function jobsOfSet(file) {
  const files = filesOf(file);
  if (!files) throw new Usage(`${label(file)} is not named as a shard is`);
  return files.map((file, no) => ({ file, shards: no === 0 ? files.length : undefined }));
}

/**
 * @param {import('../index.js').Guest} guest
 * @param {Job} job
 * @param {Uint8Array | undefined} evidence
 * @param {Options} options
 * @param {Progress} progress
 * @returns {Promise<Checked>}
 */
async function judged(guest, { file, sha256 }, evidence, options, progress) {
  const source = file === '-' ? process.stdin : { path: file };
  let length = lengthOf(file);
  const onProgress = (/** @type {import('../index.js').AdmissionProgress} */ { bytes, total }) => {
    length ??= total ?? null;
    progress.show(bytes, total);
  };
  const profile = options.profile === undefined ? undefined : /** @type {const} */ ('llama');
  /** @type {import('../index.js').Finding[] | undefined} */ let findings;
  /** Data follows only for a file in which the profile found no error. @param {import('../index.js').Report} report */
  const onHeader = report => {
    findings = report.findings;
    length = report.length ?? length;
    if (firstError(findings)) throw new Unfit();
  };
  const kept = (/** @type {import('../index.js').Header} */ file) => {
    if (options.set) return { file };
    file.release();
    return {};
  };
  try {
    if (options['header-only']) {
      const header = await readHeader(guest, source, { profile, onProgress });
      const { report } = header;
      try {
        onHeader(report);
      } catch (error) {
        header.release();
        throw error;
      }
      return { verdict: passed(file, 'header_ready', report), ...kept(header) };
    }
    const digests = options.blake3 ? /** @type {const} */ (['blake3']) : undefined;
    const model = await admit(guest, source, { sha256, evidence, digests, profile, onHeader, onProgress });
    const { report } = model;
    return { verdict: passed(file, 'admitted', report), ...kept(model) };
  } catch (error) {
    const first = firstError(findings);
    if (error instanceof Unfit && first) {
      const message = `${first.rule}: ${first.message}`;
      return { verdict: refused({ file, length, findings }, { ...first, code: 'profile', message }) };
    }
    if (error instanceof AdmissionError && error.kind === 'rejected') {
      return { verdict: refused({ file, length }, error) };
    }
    return { verdict: unread(file, length, error) };
  }
}

/** Of what is no file, or not there, nobody knows it before the end. @param {string} file */
function lengthOf(file) {
  try {
    const found = file === '-' ? undefined : statSync(file);
    return found?.isFile() ? found.size : null;
  } catch {
    return null; // whoever reads it will say why
  }
}

/** The profile found an error. */
class Unfit extends Error {}

/** @param {import('../index.js').Finding[] | undefined} findings */
const firstError = findings => findings?.find(({ level }) => level === 'error');
