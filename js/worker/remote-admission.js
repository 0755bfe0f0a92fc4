// The page's side of one admission: it hands over what can cross, and answers what the worker asks.
import { OpfsTee } from '../opfs-tee.js';
import { packed } from './crossing.js';
import { Freight, Line } from './line.js';
import { RemoteModel } from './remote-model.js';
import { LocalTees } from './remote-tee.js';

/** @typedef {import('../admit.js').AdmitOptions} AdmitOptions */
/** @typedef {import('../sources/source.js').Source} Source */

/**
 * @typedef {object} Order  What the worker is told.
 * @property {import('./crossing.js').Parcel} parcel
 * @property {Omit<AdmitOptions, 'signal' | 'onHeader' | 'onProgress' | 'tee'>} settings
 * @property {boolean} asksHeader
 * @property {boolean} tellsProgress
 * @property {({ name: string, directory?: FileSystemDirectoryHandle } | null)[]} tees  null: one of the page's
 * @property {{ name: string, directory?: FileSystemDirectoryHandle }} [stored]
 */

/**
 * @param {import('../sources.js').Admissible} from
 * @param {AdmitOptions} options
 * @param {(port: MessagePort, line: Line) => void} connect  gives the other end of the line to the worker
 * @param {Order['stored']} [stored]
 * @returns {Promise<{ model: RemoteModel, found: boolean }>}
 */
export async function admitRemotely(from, options, connect, stored) {
  const { signal, onHeader, onProgress, tee, sink, length, sha256, blake3, digests, limits, retries, retryDelay } = options;
  const settings = { sink, length, sha256, blake3, digests, limits, retries, retryDelay };
  /** @type {readonly import('../tee.js').Tee[]} */
  const tees = tee === undefined ? [] : Array.isArray(tee) ? tee : [tee];
  const local = new LocalTees(tees);
  /** @type {Source | undefined} */ let source;
  /** @type {Line | undefined} */ let line;
  /** @type {(() => void)[]} */ const unhear = [];
  // A source of the page's may know better what an error of the guest means.
  const explained = (/** @type {unknown} */ error) => source?.explain?.(error) ?? error;
  try {
    const { parcel, ...own } = packed(from, options);
    source = own.source;

    const { port1, port2 } = new MessageChannel();
    const ours = (line = new Line(port1, line => ({
      header: report => onHeader?.(report),
      progress: event => onProgress?.(event),
      ...local.answers(line, explained),
      ...sourceAnswers(source, line),
    })));
    connect(port2, ours);

    for (const heard of [signal, own.signal]) {
      const abort = () => void ours.ask('abort', [ours.faults.pack(heard?.reason)]).catch(() => {});
      if (heard?.aborted) abort();
      heard?.addEventListener('abort', abort);
      unhear.push(() => heard?.removeEventListener('abort', abort));
    }
    /** @type {Order} */
    const order = {
      parcel, settings, stored,
      asksHeader: onHeader !== undefined,
      tellsProgress: onProgress !== undefined,
      tees: tees.map(tee => (tee instanceof OpfsTee ? { name: tee.name, directory: tee.directory } : null)),
    };
    const { report, found } = await ours.ask('admit', [order]);
    const model = new RemoteModel(ours, report);
    if (!signal?.aborted) return { model, found };
    await model.release();
    throw signal.reason;
  } catch (fault) {
    const error = explained(fault);
    // The worker has told all of them, unless it could not.
    line?.end(error);
    await source?.close(error);
    await local.abort(error);
    throw error;
  } finally {
    for (const stop of unhear) stop();
  }
}

/**
 * @param {Source | undefined} source  the page's own, if it has to read it
 * @param {Line} line
 * @returns {import('./line.js').Answers}
 */
function sourceAnswers(source, line) {
  return {
    async sourceOpen() {
      await source?.open?.();
      return { length: source?.length, total: source?.total };
    },
    async sourceRead(most, buffer) {
      const bytes = await source?.read(most);
      if (!bytes) return null;
      const copy = new Uint8Array(buffer.byteLength >= bytes.length ? buffer : new ArrayBuffer(bytes.length), 0, bytes.length);
      copy.set(bytes);
      return new Freight(copy, [copy.buffer]);
    },
    sourceClose: reason => source?.close(line.faults.unpack(reason)),
  };
}
