// An admission that goes on where an earlier call stood: first what was kept, from the disk, and then the source.
import { AdmissionError, isAdmissionError, messageOf } from '../core/errors.js';
import { Admission } from '../guest/admission.js';
import { checkGroup, hasEvidence } from '../guest/group.js';
import { GROUP, VALUE } from './journal.js';

/** @typedef {import('../guest/guest.js').Guest} Guest */
/** @typedef {import('../sources/source.js').Source} Source */
/** @typedef {import('./kept-part.js').KeptPart} KeptPart */
/** @typedef {import('../guest/admission.js').StepwiseOptions} StepwiseOptions */

/** Computes evidence, and the BLAKE3 that it needs. */
const WITH_EVIDENCE = 6;

/**
 * What was kept, group by group, and behind it the source, if that can show that it is of the same file.
 *
 * @implements {Source}
 */
export class ContinuedSource {
  /** @type {ContinuedIntake | undefined} */ intake;
  #kept;
  #inner;
  #position = 0;
  /** @type {Uint8Array} */ #group = new Uint8Array(0);
  /** One for all groups: a new one each time costs as much as the reading. */ #room = new Uint8Array(GROUP);
  #isPast = false;

  /**
   * @param {KeptPart} kept
   * @param {Source} inner
   */
  constructor(kept, inner) {
    this.#kept = kept;
    this.#inner = inner;
  }

  get length() {
    return this.#inner.length;
  }

  get total() {
    return this.#inner.total;
  }

  get signal() {
    return this.#inner.signal;
  }

  /** What was kept lies in a buffer of its own. */
  get isPrivate() {
    return !this.#isPast;
  }

  async open() {
    if (this.#kept.bytes > 0) this.#inner.goOnFrom?.(this.#kept.earlier);
    await this.#inner.open?.();
    if (!this.#inner.position) this.#kept.cut(0);
    const { length, total, identity } = this.#inner;
    this.#kept.tell({ length, total, identity });
  }

  /**
   * What was kept, behind the header, straight into the guest's window, where the disk is read at once.
   *
   * @returns {Source['readSync']}
   */
  get readSync() {
    const { readAt, bytes } = this.#kept;
    if (!readAt || this.#position >= bytes || (this.intake?.state ?? 'open') === 'open') return undefined;
    return (target, offset) => {
      // Of one group at a time: the one that is no good is the one that was read.
      const room = target.subarray(0, GROUP - (offset % GROUP));
      try {
        const count = readAt(room, offset);
        this.#position = offset + count;
        return count;
      } catch {
        return 0; // one that the disk gives no more is no good either
      }
    };
  }

  /** @param {number} most */
  async read(most) {
    const kept = this.#kept;
    if (this.#position < kept.bytes) {
      const at = this.#position % GROUP;
      // A group that the disk gives no more is no good.
      if (at === 0) this.#group = await kept.read(this.#position, GROUP, this.#room).catch(() => new Uint8Array(0));
      if (at > 0 || (await this.intake?.isGood(this.#position / GROUP, this.#group))) {
        const bytes = this.#group.subarray(at, at + most);
        this.#position += bytes.length;
        return bytes;
      }
    }
    // Groups that were no good are not kept any more.
    if (!this.#isPast && (this.#inner.position ?? 0) > kept.bytes) await this.#inner.rewind?.(kept.bytes);
    this.#isPast = true;
    return this.#inner.read(most);
  }

  /** @param {unknown} [reason] */
  close(reason) {
    return this.#inner.close(reason);
  }

  /** @param {unknown} error */
  explain(error) {
    return this.#inner.explain?.(error) ?? error;
  }
}

/**
 * A session that takes nothing of the disk for granted. The header's groups are proven before they are taken in: a rule
 * is judged, and `onHeader` asked, in the middle of a group. Those behind are proven as they pass: the guest compares
 * each with its value when its last byte is in. One that is no good ends the session; another takes in what came before
 * it, and the source goes on from there.
 *
 * An `Intake` of deliver.js.
 */
export class ContinuedIntake {
  #guest;
  #Session;
  #kept;
  #options;
  #onCut;
  #admission;
  /** @type {number | undefined} a session that proves groups */ #proof;
  /** @type {number | undefined} a group that is no good: `decide` sees to it */ #bad;

  /**
   * @param {Guest} guest
   * @param {KeptPart} kept
   * @param {StepwiseOptions} options
   * @param {() => void} onCut  less is kept than there was
   * @param {typeof Admission} [Session]  of which make
   */
  constructor(guest, kept, options, onCut, Session = Admission) {
    this.#guest = guest;
    this.#Session = Session;
    this.#kept = kept;
    this.#options = options;
    this.#onCut = onCut;
    this.#agree();
    this.#admission = this.#opened();
    kept.valuesNow = () => this.evidence;
    kept.isHeaderReady = () => this.state !== 'open';
  }

  get state() {
    return this.#admission.state;
  }

  get position() {
    return this.#admission.position;
  }

  get report() {
    return this.#admission.report;
  }

  /** All values, once the file is admitted; none from a guest that computes none. */
  get evidence() {
    return hasEvidence(this.#guest) ? this.#admission.evidence : new Uint8Array(0);
  }

  /**
   * Whether a kept group may be taken in. It is asked for each before its first byte.
   *
   * @param {number} group
   * @param {Uint8Array} bytes
   */
  async isGood(group, bytes) {
    if (this.state !== 'open') this.#endProof();
    const isWhole = bytes.length === GROUP;
    if (isWhole && (this.state !== 'open' || this.#isProven(group, bytes))) return true;
    await this.#restart(group);
    return false;
  }

  /**
   * @param {Uint8Array<ArrayBuffer>} bytes
   * @param {AbortSignal} [signal]
   * @returns {Promise<boolean>} whether they count
   */
  async write(bytes, signal) {
    const { position, state } = this;
    try {
      await this.#admission.write(bytes, signal);
      return true;
    } catch (error) {
      const isProven = state === 'open' || position >= this.#kept.bytes;
      if (isProven || this.state !== 'failed') throw error;
    }
    await this.#restart(Math.floor(position / GROUP), signal);
    return false;
  }

  /**
   * Takes in what was kept, behind the header.
   *
   * @param {import('../guest/admission.js').Fill} fill
   */
  step(fill) {
    const { position } = this;
    try {
      const count = this.#admission.step(fill);
      if (count > 0) return count;
    } catch (error) {
      if (this.state !== 'failed') throw error;
    }
    this.#bad = Math.floor(position / GROUP);
    return 1;
  }

  /** @param {AbortSignal} [signal] */
  async decide(signal) {
    const bad = this.#bad;
    this.#bad = undefined;
    if (bad !== undefined) await this.#restart(bad, signal);
  }

  finish() {
    this.#endProof();
    return this.#admission.finish();
  }

  release() {
    this.#endProof();
    this.#admission.release();
  }

  /**
   * @param {number} groups  that were good
   * @param {AbortSignal} [signal]
   */
  async #restart(groups, signal) {
    if (this.state !== 'open') this.#options = { ...this.#options, onHeader: undefined }; // it was asked
    this.release();
    this.#kept.cut(groups);
    this.#onCut();
    this.#admission = this.#opened();
    try {
      for (let group = 0; group < groups; group++) {
        const bytes = await this.#kept.read(group * GROUP, GROUP);
        await this.#admission.write(/** @type {Uint8Array<ArrayBuffer>} */ (bytes), signal);
      }
    } catch (cause) {
      if (this.state !== 'failed') throw cause;
      throw new AdmissionError(`what was kept reads otherwise each time: ${messageOf(cause)}`, {
        code: 'store', kind: 'source', cause,
      });
    }
  }

  /** Values that the caller requires come before those of the disk: where they differ, the disk's are no good. */
  #agree() {
    const { evidence } = this.#options;
    const { values } = this.#kept;
    if (!evidence) return;
    const most = Math.min(values.length, evidence.length);
    for (let at = 0; at < most; at++) if (values[at] !== evidence[at]) return this.#kept.cut(Math.floor(at / VALUE));
  }

  #opened() {
    const { evidence = new Uint8Array(0) } = this.#options;
    const { values } = this.#kept;
    const expected = evidence.length >= values.length ? evidence : values;
    return new this.#Session(this.#guest, { ...this.#options, evidence: expected.length > 0 ? expected : undefined });
  }

  /**
   * @param {number} group
   * @param {Uint8Array} bytes
   */
  #isProven(group, bytes) {
    try {
      return checkGroup(this.#guest, this.#proofSession(), group, bytes);
    } catch (error) {
      // Of a set of 64 shards the last leaves none to prove by: it is fetched again.
      if (isAdmissionError(error) && error.code === 'sessions') return false;
      throw error;
    }
  }

  #proofSession() {
    if (this.#proof === undefined) {
      const { values, bytes } = this.#kept;
      // Of a file of unknown length at least one byte more is to come.
      this.#proof = this.#guest.begin(this.#options.length ?? bytes + 1, 'verify');
      this.#guest.digests(this.#proof, WITH_EVIDENCE);
      this.#guest.expectEvidence(this.#proof, values.length / VALUE).set(values);
    }
    return this.#proof;
  }

  #endProof() {
    if (this.#proof !== undefined) this.#guest.release(this.#proof);
    this.#proof = undefined;
  }
}
