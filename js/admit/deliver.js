// A source's bytes, brought to whatever takes them in, with tees, progress and abort; and everything cleaned up after.
import { Turns, follow, unlessAborted } from '../core/waiting.js';
import { AdmissionError, messageOf, nameOf, sourceFault } from '../core/errors.js';
import { Progress } from './progress.js';
import { sourceOf } from '../sources/source-of.js';
import { Tees } from './tees.js';

/** @typedef {import('../sources/source.js').Source} Source */
/** @typedef {{ readonly report: FileReport | import('../guest/report.js').Report, release(): void }} Admitted */
/** @typedef {import('../guest/report.js').FileReport} FileReport */

/**
 * @typedef {object} DeliveryOptions
 * @property {number} [length]
 * @property {AbortSignal} [signal]
 * @property {import('./progress.js').OnProgress} [onProgress]
 * @property {import('./tees.js').Tee | readonly import('./tees.js').Tee[]} [tee]
 */

/**
 * @template {Admitted} M
 * @typedef {object} Intake  What the bytes go into: an `Admission`, or a transfer of ABI v1.
 * @property {import('../guest/report.js').State} state
 * @property {number} position
 * @property {(bytes: Uint8Array<ArrayBuffer>, signal?: AbortSignal) => Promise<void>} write
 * @property {import('../guest/admission.js').Admission['step']} [step]
 * @property {(signal?: AbortSignal) => Promise<void>} [decide]
 * @property {boolean} [isFull]  it takes no more, though the source may have more
 * @property {() => M | Promise<M>} finish
 * @property {() => void} release  lets go of all, of the model too that came of it
 */

/** Most that is asked of a source while the header is incomplete: a wrong file costs no more. */
const HEADER_READ = 64 * 1024;
/** Most that is asked of a source at once. */
const DATA_READ = 1024 * 1024;

/**
 * @template {Admitted} M
 * @param {import('../sources/source-of.js').Admissible} from
 * @param {DeliveryOptions & import('../sources/source.js').SourceOptions} options
 * @param {() => (length: number | undefined, progress: Progress) => Intake<M>} prepare
 *   Checks the options, before anything is fetched; what it answers opens the intake.
 * @returns {Promise<M>}
 */
export async function deliver(from, options, prepare) {
  // Of the caller, or of the source: a Request has one, and so has the fetch that a Response came of.
  const stop = new AbortController();
  const { signal } = stop;
  const unhear = [follow(stop, options.signal)];
  const tees = new Tees(options.tee);
  /** @type {Source | undefined} */ let source;
  /** @type {Intake<M> | undefined} */ let intake;
  try {
    source = sourceOf(from, options);
    unhear.push(follow(stop, source.signal));
    const open = prepare();
    signal.throwIfAborted();
    if (source.open)
      await unlessAborted(
        signal,
        source.open().catch(fault => Promise.reject(sourceError(source, fault, 'could not be opened'))),
      );
    const length = agreed(options.length, source.length);
    const progress = new Progress(options.onProgress, length ?? source.total, signal);
    intake = open(length, progress);

    await pump(source, intake, tees, progress, signal);
    const admitted = await unlessAborted(signal, intake.finish());
    const { position } = intake;
    await source.close();
    await progress.done(position);
    await tees.close(() => /** @type {FileReport} */ (admitted.report), signal);
    return admitted;
  } catch (error) {
    intake?.release();
    const told = source?.explain?.(error) ?? error;
    await Promise.all([source?.close(told), tees.abort(told)]);
    throw told;
  } finally {
    for (const end of unhear) end();
  }
}

/**
 * @param {Source} source
 * @param {Intake<Admitted>} intake
 * @param {Tees} tees
 * @param {Progress} progress
 * @param {AbortSignal} signal
 */
async function pump(source, intake, tees, progress, signal) {
  const carry = source.readSync && intake.step && tees.isEmpty ? carryDirectly : carryInChunks;
  const turns = new Turns();
  while (!intake.isFull && (await carry(source, intake, signal, tees, progress))) {
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
 */
async function carryDirectly(source, intake, signal) {
  const count = intake.step?.((window, offset) => source.readSync?.(window, offset) ?? 0);
  await intake.decide?.(signal);
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
  const reading = unlessAborted(
    signal,
    source.read(most).catch(fault => Promise.reject(sourceError(source, fault, `broke at byte ${offset}`, offset))),
  );
  await progress.catchUp(reading);
  const bytes = await reading;
  if (!bytes) return false;
  await intake.write(/** @type {Uint8Array<ArrayBuffer>} */ (bytes), signal);
  if (!tees.isEmpty) await tees.write(bytes, offset, signal);
  return true;
}

/**
 * @param {Source | undefined} source
 * @param {unknown} cause
 * @param {string} what
 * @param {number} [offset]
 */
function sourceError(source, cause, what, offset) {
  // An abort of the caller's own, of a request say, is what the caller expects to see.
  const isAbort = nameOf(cause) === 'AbortError' || (source?.signal?.aborted && cause === source.signal.reason);
  if (isAbort || cause instanceof AdmissionError) return cause;
  return sourceFault(`the source ${what}: ${messageOf(cause)}`, { offset, cause });
}

/**
 * @param {number | undefined} declared
 * @param {number | undefined} actual
 */
function agreed(declared, actual) {
  if (declared !== undefined && actual !== undefined && declared !== actual) {
    throw sourceFault(`the source holds ${actual} bytes, the option length says ${declared}`, {
      code: 'length', path: 'length', expected: String(declared), found: String(actual),
    });
  }
  return declared ?? actual;
}
