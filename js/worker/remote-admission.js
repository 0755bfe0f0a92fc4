// The page's side of one admission: it hands over what can cross, and answers what the worker asks.
import { ADMIT_OPTIONS, HEADER_OPTIONS } from '../admit/options.js';
import { Asking } from '../core/asking.js';
import { isAdmissionError } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { PATIENCE, patiently } from '../core/waiting.js';
import { OpfsTee, clearAfterCrash } from '../store/store-tee.js';
import { STORED_OPTIONS } from '../store/stored.js';
import { StoredFile } from '../store/stored-file.js';
import { packed } from './crossing.js';
import { Freight, Line } from './line.js';
import { RemoteHeader, RemoteModel } from './remote-model.js';
import { LocalTees } from './remote-tee.js';

/** @typedef {import('../admit/admit.js').AdmitOptions} AdmitOptions */
/** @typedef {import('../store/store-tee.js').StoreOptions} StoreOptions */
/** @typedef {import('../sources/source.js').Source} Source */

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
 * @param {AdmitOptions & StoreOptions | undefined} given
 * @param {(port: MessagePort, line: Line) => void} connect  gives the other end of the line to the worker
 * @param {Wanted} [wanted]
 * @returns {Promise<{ model: RemoteModel, found: boolean }>} of a header no more than a `RemoteHeader`
 */
export async function admitRemotely(from, given, connect, wanted = 'model') {
  // Refused as they are: what cannot be may not even cross.
  const { options, fault: wrong } = readOptions(given, checksFor(wanted));
  // All but these four crosses: an option that is forgotten here would be dropped in silence.
  const { signal, onHeader, onProgress, tee, ...settings } = options;
  const tees = [tee ?? []].flat();
  const asking = new Asking();
  const local = new LocalTees(tees, asking);
  /** @type {Source | undefined} */ let source;
  /** @type {Line | undefined} */ let line;
  /** @type {(() => void)[]} */ const unhear = [];
  // A source of the page's may know better what an error of the guest means.
  const explained = (/** @type {unknown} */ error) => source?.explain?.(error) ?? error;
  try {
    const { parcel, ...own } = packed(from, options);
    source = own.source;
    if (wrong) throw wrong.reason;
    const stores = storesOf(tees, wanted, options);
    unhear.push(...(await announced(stores, asking)));

    const { port1, port2 } = new MessageChannel();
    const ours = (line = new Line(port1, line => ({
      // What they answer is nobody's business, and may be nothing that can cross.
      header: async report => {
        const header = { metadata: (/** @type {string | number} */ key) => line.ask('metadata', [key]) };
        await asking.ask('question', () => onHeader?.(report, header));
      },
      progress: async event => void (await asking.ask('call', () => onProgress?.(event))),
      ...local.answers(line, explained),
      ...sourceAnswers(source, line, asking),
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
      parcel, settings, wanted,
      asksHeader: onHeader !== undefined,
      tellsProgress: onProgress !== undefined,
      tees: tees.map(tee =>
        tee instanceof OpfsTee ? { name: tee.name, directory: tee.directory } : { isStore: Boolean(tee.isStore) }),
    };
    const { report, found } = await ours.ask('admit', [order]);
    const model = wanted === 'header' ? new RemoteHeader(ours, report) : new RemoteModel(ours, report);
    if (!signal?.aborted) return { model: /** @type {RemoteModel} */ (model), found };
    await model.release();
    throw signal.reason;
  } catch (fault) {
    // Options that cannot be come before a source that cannot be.
    const error = wrong ? wrong.reason : explained(fault);
    // The worker has told all of them, unless it could not.
    line?.end(error);
    const cleared = isOver(error) && clearStores(storesOf(tees, wanted, options));
    await Promise.all([source?.close(error), local.abort(error), cleared]);
    throw error;
  } finally {
    for (const stop of unhear) stop();
  }
}

/**
 * @param {Wanted} wanted
 * @returns {Readonly<Record<keyof (AdmitOptions & StoreOptions), import('../core/options.js').Check>>}
 */
function checksFor(wanted) {
  const checks = wanted === 'header' ? HEADER_OPTIONS : wanted === 'model' ? ADMIT_OPTIONS : STORED_OPTIONS;
  return /** @type {typeof STORED_OPTIONS} */ (checks);
}

/**
 * @param {readonly import('../admit/tees.js').Tee[]} tees
 * @param {Wanted} wanted
 * @param {StoreOptions} options
 * @returns {{ name: string, directory?: FileSystemDirectoryHandle }[]} what the worker stores
 */
const storesOf = (tees, wanted, { directory }) => [
  ...tees.filter(tee => tee instanceof OpfsTee),
  ...(typeof wanted === 'string' ? [] : [{ name: wanted.stored, directory }]),
];

/**
 * Says in this thread that a worker may hold these names. Where there are none, or no store, the worker says so.
 *
 * @param {ReturnType<typeof storesOf>} stores
 * @param {Asking} asking
 */
async function announced(stores, asking) {
  const places = await Promise.allSettled(stores.map(({ name, directory }) => StoredFile.at(name, directory)));
  return places.flatMap(place => (place.status === 'fulfilled' ? [place.value.announce(asking)] : []));
}

/**
 * The worker is gone, perhaps before it could clean up.
 *
 * @param {unknown} error
 */
const isOver = error => isAdmissionError(error) && error.code === 'worker';

/** @param {ReturnType<typeof storesOf>} stores */
async function clearStores(stores) {
  await Promise.all(stores.map(store => patiently(() => clearAfterCrash(store.name, store), PATIENCE.tee)));
}

/**
 * @param {Source | undefined} source  the page's own, if it has to read it
 * @param {Line} line
 * @param {Asking} asking
 * @returns {import('./line.js').Answers}
 */
function sourceAnswers(source, line, asking) {
  return {
    async sourceOpen() {
      await source?.open?.();
      return { length: source?.length, total: source?.total };
    },
    async sourceRead(most, buffer) {
      const bytes = await asking.ask('moment', () => source?.read(most));
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
