// The page's side of one admission: it hands over what can cross, and answers what the worker asks.
import { ADMIT_OPTIONS, HEADER_OPTIONS, SET_OPTIONS } from '../admit/options.js';
import { Asking } from '../core/asking.js';
import { isAdmissionError, nameOf, ofShard } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { PATIENCE, patiently } from '../core/waiting.js';
import { OpfsTee, clearAfterCrash } from '../store/store-tee.js';
import { STORED_OPTIONS } from '../store/stored.js';
import { STORED_SET_OPTIONS, readNames } from '../store/stored-set.js';
import { StoredFile } from '../store/stored-file.js';
import { sourceList } from '../sources/source-of.js';
import { packed } from './crossing.js';
import { Freight, Line } from './line.js';
import { RemoteHeader, RemoteModel } from './remote-model.js';
import { RemoteModelSet } from './remote-model-set.js';
import { LocalTees } from './remote-tee.js';

/** @typedef {import('../admit/admit.js').AdmitOptions} AdmitOptions */
/** @typedef {import('../admit/options.js').SetOptions} SetOptions */
/** @typedef {import('../store/store-tee.js').StoreOptions} StoreOptions */
/** @typedef {import('../store/stored.js').StoredOptions} StoredOptions */
/** @typedef {import('../store/stored-set.js').StoredSetOptions} StoredSetOptions */
/** @typedef {import('../sources/source.js').Source} Source */
/** @typedef {import('../sources/source.js').Parts} Parts */

/**
 * @typedef {object} Order  What the worker is told.
 * @property {import('./crossing.js').Parcel[]} parcels  one, or of a set one for each shard
 * @property {boolean} isSet
 * @property {Omit<StoredOptions & SetOptions, 'signal' | 'onHeader' | 'onProgress' | 'tee'>} settings
 * @property {boolean} asksHeader
 * @property {boolean} tellsProgress
 * @property {TeeOrder[]} tees
 * @property {Wanted} wanted
 */

/**
 * @typedef {{ shard: number } & (StoreOptions & { name: string } | import('./remote-tee.js').TeeSort)} TeeOrder
 * Without a name it is one of the page's.
 */

/** @typedef {'model' | 'header' | { stored: any }} Wanted  a name, or of a set the names: for `admitStored` */

/**
 * @param {import('../sources/source-of.js').Admissible | import('../sources/source-of.js').Admissibles} from
 * @param {StoredOptions | StoredSetOptions | undefined} given
 * @param {(port: MessagePort, line: Line) => void} connect  gives the other end of the line to the worker
 * @param {Wanted} [asked]
 * @returns {Promise<{ model: RemoteModel, found: boolean }>} of a header no more than a `RemoteHeader`, of a list of
 *   sources a `RemoteModelSet`
 */
export async function admitRemotely(from, given, connect, asked = 'model') {
  const { wanted, fault: unread } = readWanted(asked);
  const list = wanted === 'header' ? undefined : sourceList(from);
  const isSet = list !== undefined;
  // Refused as they are: what cannot be may not even cross.
  /** @type {import('../core/options.js').Read<StoredOptions & SetOptions>} */
  const { options, fault } = readOptions(given, checksFor(wanted, isSet));
  const wrong = fault ?? unread;
  // All but these crosses: an option that is forgotten here would be dropped in silence.
  const { signal, onHeader, onProgress, tee, shards, ...common } = options;
  const settings = shards ? { ...common, shards: shards.map(({ tee: _, ...required }) => required) } : common;
  const teed = (shards ?? [{ tee }]).flatMap(({ tee }, shard) => [tee ?? []].flat().map(tee => ({ tee, shard })));
  const tees = teed.map(({ tee }) => tee);
  const asking = new Asking();
  const local = new LocalTees(tees, asking);
  /** @type {(Source | undefined)[]} */ const sources = [];
  /** @type {(Parts | undefined)[]} */ const parts = [];
  /** @type {Line | undefined} */ let line;
  /** @type {(() => void)[]} */ const unhear = [];
  // A source of the page's may know better what an error of the guest means.
  const explained = (/** @type {unknown} */ error) => {
    const isNothing = hasThrownNothing && nameOf(error) === 'AbortError';
    return isNothing ? undefined : (isSet ? shardExplained : explainedBy)(sources, error);
  };
  // The worker aborts with what `onProgress` throws, and nothing would be a reason of the engine's.
  let hasThrownNothing = false;
  const told = async (/** @type {import('../admit/progress.js').ProgressEvent} */ event) => {
    try {
      await asking.ask('call', () => onProgress?.(event));
    } catch (reason) {
      hasThrownNothing ||= reason === undefined;
      throw reason;
    }
  };
  try {
    const conflict = local.begin();
    const taken = (list ?? [from]).map((from, index) => packedOrFault(from, { ...options, ...shards?.[index] }));
    sources.push(...taken.map(({ source }) => source));
    parts.push(...taken.map(({ parts }) => parts));
    if (wrong) throw wrong.reason;
    if (conflict) throw conflict;
    for (const { fault } of taken) if (fault) throw fault.reason;
    const stores = storesOf(tees, wanted, options);
    unhear.push(...(await announced(stores, asking)));

    const { port1, port2 } = new MessageChannel();
    const ours = (line = new Line(port1, line => ({
      // What they answer is nobody's business, and may be nothing that can cross.
      header: async report => {
        const header = { metadata: (/** @type {string | number} */ key) => line.ask('metadata', [key]) };
        await asking.ask('question', () => onHeader?.(report, header));
      },
      progress: told,
      ...local.answers(line, explained, signal),
      ...sourceAnswers(sources, parts, line, asking),
    })));
    connect(port2, ours);

    for (const heard of [signal, ...taken.map(({ signal }) => signal)]) {
      const abort = () => void ours.ask('abort', [ours.faults.pack(heard?.reason)]).catch(() => {});
      if (heard?.aborted) abort();
      heard?.addEventListener('abort', abort);
      unhear.push(() => heard?.removeEventListener('abort', abort));
    }
    /** @type {Order} */
    const order = {
      isSet, settings, wanted,
      parcels: taken.map(({ parcel }) => parcel),
      asksHeader: onHeader !== undefined,
      tellsProgress: onProgress !== undefined,
      tees: teed.map(({ tee, shard }) => ({
        shard,
        ...(tee instanceof OpfsTee
          ? { name: tee.name, directory: tee.directory }
          : { isStore: Boolean(tee.isStore), isOpened: tee.open !== undefined }),
      })),
    };
    const { report, found, stored, fault } = await ours.ask('admit', [order]);
    const Made = wanted === 'header' ? RemoteHeader : isSet ? RemoteModelSet : RemoteModel;
    const model = /** @type {RemoteModel} */ (new Made(ours, report));
    if (stored !== undefined) Object.assign(model, { stored, storeFault: fault && ours.faults.unpack(fault) });
    // As without a worker, an abort comes too late when the tees are closed.
    if (!signal?.aborted || local.areClosed) return { model, found };
    await model.release();
    throw signal.reason;
  } catch (fault) {
    // Options that cannot be come before a source that cannot be.
    const error = wrong ? wrong.reason : explained(fault);
    // The worker has told all of them, unless it could not.
    line?.end(error);
    const cleared = isOver(error) && clearStores(storesOf(tees, wanted, options));
    await Promise.all([...sources.map(source => source?.close(error)), local.abort(error), cleared]);
    throw error;
  } finally {
    local.end();
    for (const stop of unhear) stop();
  }
}

/**
 * @param {(Source | undefined)[]} sources
 * @param {unknown} error
 */
const explainedBy = ([source], error) => source?.explain?.(error) ?? error;

/**
 * @param {(Source | undefined)[]} sources
 * @param {unknown} error
 */
function shardExplained(sources, error) {
  if (!isAdmissionError(error) || error.shard === null) return error;
  const { cause, shard } = error;
  const better = explainedBy([sources[shard]], cause);
  return isAdmissionError(better) && better !== cause ? ofShard(better, shard, sources.length) : error;
}

/**
 * @param {Wanted} wanted
 * @returns {{ wanted: Wanted, fault?: { reason: unknown } }}
 */
function readWanted(wanted) {
  if (typeof wanted === 'string') return { wanted };
  const { own, fault } = readNames(wanted.stored);
  return { wanted: { stored: own }, fault: fault ? { reason: fault } : undefined };
}

/**
 * Never throws: what was taken hold of before has to be given up first.
 *
 * @param {any} from
 * @param {import('../sources/source.js').SourceOptions} options
 * @returns {import('./crossing.js').Packed & { fault?: { reason: unknown } }}
 */
function packedOrFault(from, options) {
  try {
    return packed(from, options);
  } catch (reason) {
    return { parcel: { isPulled: true, hasParts: false }, fault: { reason } };
  }
}

/**
 * @param {Wanted} wanted
 * @param {boolean} isSet
 * @returns {Readonly<Record<keyof (StoredOptions & SetOptions), import('../core/options.js').Check>>}
 */
function checksFor(wanted, isSet) {
  const [ofModel, ofStored] = isSet ? [SET_OPTIONS, STORED_SET_OPTIONS] : [ADMIT_OPTIONS, STORED_OPTIONS];
  return /** @type {any} */ (wanted === 'header' ? HEADER_OPTIONS : wanted === 'model' ? ofModel : ofStored);
}

/**
 * @param {readonly import('../admit/tees.js').Tee[]} tees
 * @param {Wanted} wanted
 * @param {StoreOptions} options
 * @returns {{ name: string, directory?: FileSystemDirectoryHandle }[]} what the worker stores
 */
const storesOf = (tees, wanted, { directory }) => [
  ...tees.filter(tee => tee instanceof OpfsTee),
  ...(typeof wanted === 'string' ? [] : [wanted.stored].flat().map(name => ({ name, directory }))),
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
 * @param {(Source | undefined)[]} sources  the page's own, those that it has to read
 * @param {(Parts | undefined)[]} parts     of them
 * @param {Line} line
 * @param {Asking} asking
 * @returns {import('./line.js').Answers}
 */
function sourceAnswers(sources, parts, line, asking) {
  const freight = (/** @type {Uint8Array | null | undefined} */ bytes, buffer = new ArrayBuffer(0)) => {
    if (!bytes) return null;
    const room = buffer.byteLength >= bytes.length ? buffer : new ArrayBuffer(bytes.length);
    const copy = new Uint8Array(room, 0, bytes.length);
    copy.set(bytes);
    return new Freight(copy, [copy.buffer]);
  };
  return {
    async sourceOpen(index, earlier) {
      const source = sources[index];
      if (earlier) source?.goOnFrom?.(earlier);
      await source?.open?.();
      return { length: source?.length, total: source?.total, position: source?.position, identity: source?.identity };
    },
    sourceRead: async (index, most, buffer) =>
      freight(await asking.during(() => sources[index]?.read(most)), buffer),
    sourceRewind: (index, offset) => sources[index]?.rewind?.(offset),
    sourcePart: async (index, start, end) => freight(await parts[index]?.read(start, end)),
    sourceClose: (index, reason) => sources[index]?.close(line.faults.unpack(reason)),
  };
}
