// The page's side of a stored model that is opened in the worker.
import { checkOptions } from '../core/options.js';
import { OPEN_OPTIONS } from '../store/open-stored.js';
import { Line } from './line.js';
import { RemoteHeader } from './remote-model.js';

/**
 * A stored model whose header is in a worker's guest: an `OpenedModel`, with the answers as promises.
 *
 * @extends {RemoteHeader<import('../guest/report.js').ModelReport>}
 */
export class RemoteOpenedModel extends RemoteHeader {
  #line;

  /**
   * @param {Line} line  the model's own
   * @param {import('../guest/report.js').ModelReport} report
   */
  constructor(line, report) {
    super(line, report);
    this.#line = line;
  }

  /**
   * The bytes of a tensor, or some of them, from the disk and proven: the caller's to keep.
   *
   * @param {string | number} nameOrIndex
   * @param {import('../store/opened-model.js').TensorRange} [range]
   * @returns {Promise<Uint8Array<ArrayBuffer> | undefined>} undefined when the file has no such tensor
   */
  tensor(nameOrIndex, range) {
    return this.#line.ask('tensor', [nameOrIndex, range]);
  }

  /**
   * The evidence of the file: 32 bytes for each group of 2^20 bytes.
   *
   * @returns {Promise<Uint8Array<ArrayBuffer>>}
   */
  evidence() {
    return this.#line.ask('evidence');
  }

  /**
   * Whether `bytes`, which are copied to the worker, are group `group` of the file.
   *
   * @param {number} group
   * @param {Uint8Array} bytes
   * @returns {Promise<boolean>}
   */
  checkGroup(group, bytes) {
    return this.#line.ask('checkGroup', [group, bytes]);
  }
}

/** A stored model in several files whose headers are in a worker's guest: an `OpenedSet`, with promises. */
export class RemoteOpenedSet extends RemoteOpenedModel {
  #line;

  /**
   * @param {Line} line  the model's own
   * @param {import('../guest/report.js').SetReport} report
   */
  constructor(line, report) {
    super(line, report);
    this.#line = line;
    /** The first shard's, with the tensors of all and each one's report. */
    this.report = report;
  }

  /**
   * The evidence of one shard's file.
   *
   * @override
   * @param {number} [shard]  its place in the list; a set of one needs none
   * @returns {Promise<Uint8Array<ArrayBuffer>>}
   */
  evidence(shard) {
    return this.#line.ask('evidence', [shard]);
  }

  /**
   * Whether `bytes`, which are copied to the worker, are group `group` of one shard's file.
   *
   * @override
   * @param {number} group
   * @param {Uint8Array} bytes
   * @param {number} [shard]  its place in the list; a set of one needs none
   * @returns {Promise<boolean>}
   */
  checkGroup(group, bytes, shard) {
    return this.#line.ask('checkGroup', [group, bytes, shard]);
  }
}

/**
 * @param {string | readonly string[]} name
 * @param {import('../store/open-stored.js').OpenOptions | undefined} given
 * @param {(port: MessagePort, line: Line) => void} connect  gives the other end of the line to the worker
 * @returns {Promise<any>} undefined where nothing is stored
 */
export async function openRemotely(name, given, connect) {
  const { signal, ...settings } = checkOptions(given, OPEN_OPTIONS);
  signal?.throwIfAborted();
  const { port1, port2 } = new MessageChannel();
  const line = new Line(port1);
  connect(port2, line);
  const abort = () => void line.ask('abort', [line.faults.pack(signal?.reason)]).catch(() => {});
  signal?.addEventListener('abort', abort);
  try {
    const report = await line.ask('open', [name, settings]);
    if (report) return 'shards' in report ? new RemoteOpenedSet(line, report) : new RemoteOpenedModel(line, report);
    line.end(undefined);
    return undefined;
  } catch (error) {
    line.end(error);
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
