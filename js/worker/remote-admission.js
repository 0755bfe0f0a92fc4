// The page's side of one admission: it hands over what can cross, and answers what the worker asks.
import { patiently } from '../core/waiting.js';
import { AdmissionError } from '../core/errors.js';
import { OpfsTee, clearAfterCrash } from '../store/store-tee.js';
import { settingsOf } from '../guest/settings.js';
import { packed } from './crossing.js';
import { Freight, Line } from './line.js';
import { RemoteHeader, RemoteModel } from './remote-model.js';
import { LocalTees } from './remote-tee.js';

/** @typedef {import('../admit/admit.js').AdmitOptions} AdmitOptions */
/** @typedef {import('../store/store-tee.js').StoreOptions} StoreOptions */
/** @typedef {import('../sources/source.js').Source} Source */

/** How long what a crashed worker has left may take to be deleted, in milliseconds. */
const PATIENCE = 10_000;

/**
 * @typedef {object} Order  What the worker is told.
 * @property {import('./crossing.js').Parcel} parcel
 * @property {Omit<AdmitOptions & StoreOptions, 'signal' | 'onHeader' | 'onProgress' | 'tee'>} settings
 * @property {boolean} asksHeader
 * @property {boolean} tellsProgress
 * @property {({ name: string, directory?: FileSystemDirectoryHandle } | { isStore: boolean })[]} tees  without a name:
 *   one of the page's
 * @property {Wanted} wanted
 */

/** @typedef {'model' | 'header' | { stored: string }} Wanted  a name: for `admitStored` */

/**
 * @param {import('../sources/source-of.js').Admissible} from
 * @param {AdmitOptions & StoreOptions} options
 * @param {(port: MessagePort, line: Line) => void} connect  gives the other end of the line to the worker
 * @param {Wanted} [wanted]
 * @returns {Promise<{ model: RemoteModel, found: boolean }>} of a header no more than a `RemoteHeader`
 */
export async function admitRemotely(from, options, connect, wanted = 'model') {
  // All but these four crosses: an option that is forgotten here would be dropped in silence.
  const { signal, onHeader, onProgress, tee, ...settings } = options;
  /** @type {readonly import('../admit/tees.js').Tee[]} */
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
    settingsOf(options); // refused as they are: what cannot be may not even cross

    const { port1, port2 } = new MessageChannel();
    const ours = (line = new Line(port1, line => ({
      // What they answer is nobody's business, and may be nothing that can cross.
      header: async report => void (await onHeader?.(report, { metadata: key => line.ask('metadata', [key]) })),
      progress: async event => void (await onProgress?.(event)),
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
      parcel,
      settings,
      wanted,
      asksHeader: onHeader !== undefined,
      tellsProgress: onProgress !== undefined,
      tees: tees.map(tee =>
        tee instanceof OpfsTee ? { name: tee.name, directory: tee.directory } : { isStore: tee.isStore ?? false },
      ),
    };
    const { report, found } = await ours.ask('admit', [order]);
    const model = wanted === 'header' ? new RemoteHeader(ours, report) : new RemoteModel(ours, report);
    if (!signal?.aborted) return { model: /** @type {RemoteModel} */ (model), found };
    await model.release();
    throw signal.reason;
  } catch (fault) {
    const error = explained(fault);
    // The worker has told all of them, unless it could not.
    line?.end(error);
    await Promise.all([source?.close(error), local.abort(error), isOver(error) && clearStores(tees, wanted, options)]);
    throw error;
  } finally {
    for (const stop of unhear) stop();
  }
}

/**
 * The worker is gone, perhaps before it could clean up.
 *
 * @param {unknown} error
 */
const isOver = error => error instanceof AdmissionError && error.code === 'worker';

/**
 * @param {readonly import('../admit/tees.js').Tee[]} tees
 * @param {Wanted} wanted
 * @param {StoreOptions} options
 */
async function clearStores(tees, wanted, { directory }) {
  const stores = [
    ...tees.filter(tee => tee instanceof OpfsTee),
    ...(typeof wanted === 'string' ? [] : [{ name: wanted.stored, directory }]),
  ];
  await Promise.all(stores.map(store => patiently(() => clearAfterCrash(store.name, store), PATIENCE)));
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
      const copy = new Uint8Array(
        buffer.byteLength >= bytes.length ? buffer : new ArrayBuffer(bytes.length),
        0,
        bytes.length,
      );
      copy.set(bytes);
      return new Freight(copy, [copy.buffer]);
    },
    sourceClose: reason => source?.close(line.faults.unpack(reason)),
  };
}
