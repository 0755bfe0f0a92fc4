// A source's bytes, brought to whatever takes them in, with tees, progress and abort; and everything cleaned up after.
import { Turns, follow, unlessAborted } from '../core/waiting.js';
import { isAdmissionError, messageOf, nameOf, sourceFault } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { shown } from '../core/text.js';
import { Progress } from './progress.js';
import { sourceOf } from '../sources/source-of.js';
import { Tees } from './tees.js';

/** @typedef {import('./options.js').AdmitOptions} AdmitOptions */
/** @typedef {import('../sources/source.js').Source} Source */
/** @typedef {{ readonly report: FileReport | import('../guest/report.js').Report, release(): void }} Admitted */
/** @typedef {import('../guest/report.js').FileReport} FileReport */

/**
 * @template {Admitted} M
 * @typedef {object} Intake  What the bytes go into: an `Admission`, or a transfer of ABI v1.
 * @property {import('../guest/report.js').State} state
 * @property {number} position
 * @property {(bytes: Uint8Array<ArrayBuffer>, signal?: AbortSignal) => Promise<boolean | void>} write  false: it took
 *   nothing of them, and goes on at its `position`
 * @property {import('../guest/admission.js').Admission['step']} [step]
 * @property {import('../guest/report.js').Report} [report]  of the header, once the state is no longer `open`
 * @property {(signal?: AbortSignal) => Promise<void>} [decide]
 * @property {boolean} [isFull]  it takes no more, though the source may have more
 * @property {() => M | Promise<M>} finish
 * @property {() => void} release  lets go of all, of the model too that came of it
 */

/** Most that is asked of a source while the header is incomplete: a wrong file costs no more. */
export const HEADER_READ = 64 * 1024;
/** Most that is asked of a source at once. */
const DATA_READ = 1024 * 1024;

/**
 * @template {Admitted} M
 * @param {import('../sources/source-of.js').Admissible} from
 * @param {AdmitOptions | undefined} given
 * @param {Readonly<Partial<Record<keyof AdmitOptions, import('../core/options.js').Check>>>} checks  for the options
 * @param {(options: AdmitOptions, length: number | undefined, progress: Progress) => Intake<M>} open
 *   the intake, for options that were checked
 * @param {typeof sourceOf} [take]  how the source is taken hold of
 * @returns {Promise<M>}
 */
export async function deliver(from, given, checks, open, take = sourceOf) {
  const { options, fault } = readOptions(given, /** @type {typeof import('./options.js').ADMIT_OPTIONS} */ (checks));
  // Of the caller, or of the source: a Request has one, and so has the fetch that a Response came of.
  const stop = new AbortController();
  const { signal } = stop;
  /** @type {(() => void)[]} */ const unhear = [];
  const tees = new Tees(options.tee);
  const { onHeader, onProgress } = heard(options, tees.asking);
  /** @type {Source | undefined} */ let source;
  /** @type {Intake<M> | undefined} */ let intake;
  try {
    unhear.push(follow(stop, options.signal));
    const conflict = tees.begin();
    source = tees.asking.during(() => take(from, options));
    if (fault) throw fault.reason;
    if (conflict) throw conflict;
    unhear.push(follow(stop, source.signal));
    signal.throwIfAborted();
    await ready(source, signal);
    const length = agreed(options.length, source.length);
    const progress = new Progress(onProgress, length ?? source.total, signal);
    intake = open({ ...options, onHeader }, length, progress);

    await pump(source, intake, tees, progress, signal);
    const admitted = await unlessAborted(signal, intake.finish());
    const { position } = intake;
    await source.close();
    await progress.done(position);
    await tees.close(() => /** @type {FileReport} */ (admitted.report), signal);
    return admitted;
  } catch (error) {
    intake?.release();
    // Options that cannot be come before a source that cannot be.
    const told = fault && !source ? fault.reason : (source?.explain?.(error) ?? error);
    await Promise.all([source?.close(told), tees.abort(told)]);
    throw told;
  } finally {
    tees.end();
    for (const end of unhear) end();
  }
}

/**
 * The callbacks, such that it is known while one is waited for.
 *
 * @param {AdmitOptions} options
 * @param {import('../core/asking.js').Asking} asking
 * @returns {Pick<AdmitOptions, 'onHeader' | 'onProgress'>}
 */
function heard({ onHeader, onProgress }, asking) {
  return {
    onHeader: onHeader && ((...about) => asking.ask('question', () => onHeader(...about))),
    onProgress: onProgress && (event => asking.ask('call', () => onProgress(event))),
  };
}

/**
 * @param {Source} source
 * @param {AbortSignal} signal
 */
async function ready(source, signal) {
  const opening = source.open?.().catch(fault => Promise.reject(sourceError(source, fault, 'could not be opened')));
  await unlessAborted(signal, opening);
}

/**
 * @param {Source} source
 * @param {Intake<Admitted>} intake
 * @param {Tees} tees
 * @param {Progress} progress
 * @param {AbortSignal} signal
 */
async function pump(source, intake, tees, progress, signal) {
  const turns = new Turns();
  for (;;) {
    const carry = source.readSync && intake.step && tees.have(intake.position) ? carryDirectly : carryInChunks;
    if (intake.isFull || !(await carry(source, intake, signal, tees, progress))) return;
    await progress.tell(intake.position, intake.state === 'open' ? 'header' : 'data');
    await turns.pass();
    signal.throwIfAborted();
  }
}

/**
 * Straight from the file into the guest's window.
 *
 * @param {Source} source
 * @param {Intake<Admitted>} intake
 * @param {AbortSignal} signal
 * @param {Tees} tees
 */
async function carryDirectly(source, intake, signal, tees) {
  const count = intake.step?.((window, offset) => source.readSync?.(window, offset) ?? 0);
  await intake.decide?.(signal);
  tees.pass(intake.position);
  return Boolean(count);
}

/**
 * @param {Source} source
 * @param {Intake<Admitted>} intake
 * @param {AbortSignal} signal
 * @param {Tees} tees
 * @param {Progress} progress
 */
async function carryInChunks(source, intake, signal, tees, progress) {
  const offset = intake.position;
  const most = intake.state === 'open' ? HEADER_READ : DATA_READ;
  const read = tees.asking.during(() => source.read(most));
  const broke = (/** @type {unknown} */ fault) => sourceError(source, fault, `broke at byte ${offset}`, offset);
  const reading = unlessAborted(signal, read.catch(fault => Promise.reject(broke(fault))));
  await progress.catchUp(reading);
  const bytes = await reading;
  if (!bytes) return false;
  // Whoever made the chunk may change it while it is judged, and before the tees have it.
  const own = tees.isEmpty || source.isPrivate ? bytes : tees.kept(bytes);
  const isTaken = await intake.write(/** @type {Uint8Array<ArrayBuffer>} */ (own), signal);
  if (isTaken === false) return true;
  if (tees.areWaiting && intake.state !== 'open') await progress.pausedFor(() => opened(intake, tees, signal));
  if (!tees.isEmpty) await tees.write(own, offset, signal);
  return true;
}

/**
 * @param {Intake<Admitted>} intake
 * @param {Tees} tees
 * @param {AbortSignal} signal
 */
const opened = (intake, tees, signal) =>
  tees.open(() => /** @type {import('../guest/report.js').Report} */ (intake.report), signal);

/**
 * @param {Source | undefined} source
 * @param {unknown} cause
 * @param {string} what
 * @param {number} [offset]
 */
function sourceError(source, cause, what, offset) {
  // An abort of the caller's own, of a request say, is what the caller expects to see.
  const isAbort = nameOf(cause) === 'AbortError' || (source?.signal?.aborted && cause === source.signal.reason);
  if (isAbort || isAdmissionError(cause)) return cause;
  return sourceFault(`the source ${what}: ${messageOf(cause)}`, { offset, cause });
}

/**
 * @param {number | undefined} declared
 * @param {number | undefined} actual
 */
function agreed(declared, actual) {
  // Of an object of the caller's that only looks like a file.
  if (actual !== undefined && !(Number.isSafeInteger(actual) && actual > 0)) {
    throw sourceFault(`the source says that it holds ${shown(actual)} bytes`, { code: 'length', found: shown(actual) });
  }
  if (declared !== undefined && actual !== undefined && declared !== actual) {
    throw sourceFault(`the source holds ${actual} bytes, the option length says ${declared}`, {
      code: 'length', path: 'length', expected: String(declared), found: String(actual),
    });
  }
  return declared ?? actual;
}
