import { HEADER_READ } from '../admit/deliver.js';
import { isIncomplete } from '../admit/joins.js';
import { ADMIT_OPTIONS } from '../admit/options.js';
import { AdmissionError, isAdmissionError, misuse, ofShard } from '../core/errors.js';
import { checkOptions, lookedAt } from '../core/options.js';
import { Admission } from '../guest/admission.js';
import { hasEvidence } from '../guest/group.js';
import { guestIn } from '../guest/header.js';
import { proven } from './evidence.js';
import { orFault } from './fault.js';
import { judgedAnew, learnt } from './judged-anew.js';
import { noted } from './noted.js';
import { OpenedModel, provenGroup } from './opened-model.js';
import { OpenedSet } from './opened-set.js';
import { STORE_OPTIONS } from './store-tee.js';
import { StoredFile } from './stored-file.js';

/** @typedef {import('../guest/guest.js').Guest} Guest */
/** @typedef {import('./stored-file.js').Stored} Stored */

/**
 * @typedef {import('./store-tee.js').StoreOptions
 *   & Pick<import('../admit/options.js').AdmitOptions, 'limits' | 'signal'>} OpenOptions
 */

const { limits, signal } = ADMIT_OPTIONS;

/** @type {Readonly<Record<keyof OpenOptions, import('../core/options.js').Check>>} */
export const OPEN_OPTIONS = { ...STORE_OPTIONS, limits, signal };

/**
 * Opens a stored model without reading it: the guest takes in its header, each MiB of which is proven by the evidence
 * that was written when it was stored. Tensors are read from the disk, and proven, when they are asked for.
 *
 * A file without sound evidence, one that version 0.2.0 stored say, is read once to make it.
 *
 * @overload
 * @param {Guest} guest  of ABI 2.1
 * @param {string} name
 * @param {OpenOptions} [options]
 * @returns {Promise<OpenedModel | undefined>} undefined where nothing of this name is stored
 */
/**
 * Opens a stored model in several files: all of its shards, in the order of the list.
 *
 * @overload
 * @param {Guest} guest  of ABI 2.1
 * @param {readonly string[]} names  as `shardsOf` gives them
 * @param {OpenOptions} [options]
 * @returns {Promise<OpenedSet | undefined>} undefined where one of them is not stored
 */
/**
 * @param {Guest} guest
 * @param {string | readonly string[]} name
 * @param {OpenOptions} [options]
 * @returns {Promise<any>}
 */
export async function openStored(guest, name, options) {
  const checked = checkOptions(options, OPEN_OPTIONS);
  if (!hasEvidence(guestIn(guest))) throw misuse('openStored needs a guest of ABI 2.1', { code: 'guest' });
  const names = lookedAt('name', () => (Array.isArray(name) ? [...name] : undefined));
  return names ? openedSet(guest, names, checked) : openedFile(guest, /** @type {any} */ (name), checked);
}

/**
 * @param {Guest} guest
 * @param {readonly string[]} names
 * @param {OpenOptions} options
 */
async function openedSet(guest, names, options) {
  if (names.length === 0) throw misuse('a set has one name at least', { path: 'name' });
  /** @type {OpenedModel[]} */ const shards = [];
  let index = 0;
  try {
    for (; index < names.length; index++) {
      const shard = await openedFile(guest, names[index], options);
      if (shard) shards.push(shard);
      else break;
    }
    if (shards.length < names.length) {
      for (const shard of shards) shard.release();
      return undefined;
    }
    for (index = 0; index < shards.length; index++) join(guest, shards, index);
    return new OpenedSet(shards);
  } catch (error) {
    for (const shard of shards) shard.release();
    throw isAdmissionError(error) ? ofShard(error, index, names.length) : error;
  }
}

/**
 * @param {Guest} guest
 * @param {readonly OpenedModel[]} shards
 * @param {number} index
 */
function join(guest, shards, index) {
  const [lead] = shards;
  const { metadata } = lead.report;
  const key = metadata.findIndex(entry => entry.key === 'split.count');
  if (shards.length === 1 && key < 0) return; // a file that is not split
  guest.join(shards[index].handle, lead.handle);
  if (index === 0 && metadata[key].value !== shards.length) throw isIncomplete(key, metadata[key].value, shards.length);
}

/**
 * @param {Guest} guest
 * @param {string} name
 * @param {OpenOptions} options
 * @returns {Promise<OpenedModel | undefined>}
 */
async function openedFile(guest, name, { directory, limits, signal }) {
  const files = await StoredFile.at(name, directory);
  const unshare = await files.share(signal);
  try {
    const found = await orFault(name, 'looked up', async () =>
      (await files.lookup()) ?? (await whenFree(files, () => judgedAnew(guest, files, signal))), signal);
    const model = found && (await opened(guest, files, found, { limits, signal, unshare }));
    if (!model) unshare();
    else await noted(files, found);
    return model;
  } catch (error) {
    unshare();
    throw error;
  }
}

/**
 * What needs the name for itself is left out while another call has it.
 *
 * @template T
 * @param {StoredFile} files
 * @param {() => Promise<T>} work
 * @returns {Promise<T | undefined>}
 */
async function whenFree(files, work) {
  const unlock = await files.tryLock();
  return unlock && work().finally(unlock);
}

/**
 * @param {Guest} guest
 * @param {StoredFile} files
 * @param {Stored} found
 * @param {Pick<OpenOptions, 'limits' | 'signal'> & { unshare: () => void }} options
 */
async function opened(guest, files, found, { limits, signal, unshare }) {
  const { length } = found;
  const beside = await orFault(files.name, 'looked up', () => files.bytes('.evidence'));
  const values = proven(guest, found, beside);
  const { evidence, digests } = values ? { ...found, evidence: values } : await made(guest, files, found, signal);
  const file = await orFault(files.name, 'opened', () => found.file.getFile());
  const { blake3 } = digests;
  const admission = new Admission(guest, { length, blake3, evidence, limits });
  try {
    for (let group = 0; admission.state === 'open'; group++) {
      const bytes = await provenGroup(file, group, bytes => admission.checkGroup(group, bytes));
      signal?.throwIfAborted();
      takeHeader(admission, bytes);
    }
    return new OpenedModel(guest, admission.handle, { file, digests, evidence, unshare });
  } catch (error) {
    admission.release();
    throw error;
  }
}

/**
 * @param {Admission} admission
 * @param {Uint8Array} bytes
 */
function takeHeader(admission, bytes) {
  for (let done = 0; done < bytes.length && admission.state === 'open'; ) {
    done += admission.step(window => {
      const piece = bytes.subarray(done, done + Math.min(window.length, HEADER_READ));
      window.set(piece);
      return piece.length;
    });
  }
}

/**
 * @param {Guest} guest
 * @param {StoredFile} files
 * @param {Stored} found
 * @param {AbortSignal} [signal]
 */
async function made(guest, files, found, signal) {
  const seen = await learnt(guest, files, found, signal);
  if (seen) return seen;
  throw new AdmissionError(`the stored file ${files.name} is damaged: admitStored mends it`, {
    code: 'damaged', kind: 'source',
  });
}
