// A model that was admitted from the store, and what the record says of its file.
import { Admission } from '../guest/admission.js';
import { Model } from '../guest/model.js';
import { ALGORITHMS } from '../guest/settings.js';

/** @typedef {import('../guest/report.js').Digests} Digests */
/** @typedef {import('../guest/report.js').ModelReport} ModelReport */
/** @typedef {import('../guest/settings.js').Algorithm} Algorithm */

const NAMES = /** @type {Algorithm[]} */ (Object.keys(ALGORITHMS));

/**
 * Its report is that of the admission in which the file was stored: a digest that was computed then, and not now,
 * stands in `digests`, and is named in `recorded`.
 */
export class StoredModel extends Model {
  #record;
  /** @type {ModelReport | undefined} */ #report;

  /**
   * @param {import('../guest/guest.js').Guest} guest
   * @param {number} handle  of an admitted model
   * @param {Digests} record
   */
  constructor(guest, handle, record) {
    super(guest, handle);
    this.#record = record;
  }

  /**
   * @override
   * @returns {ModelReport}
   */
  get report() {
    return (this.#report ??= withRecord(super.report, this.#record));
  }

  /** @override */
  refresh() {
    super.refresh();
    this.#report = undefined;
  }
}

/**
 * @param {ModelReport} report
 * @param {Digests} record
 * @returns {ModelReport}
 */
function withRecord(report, record) {
  const recorded = NAMES.filter(name => record[name] !== undefined && report.digests[name] === undefined);
  const all = { ...record, ...report.digests };
  const digests = Object.fromEntries(NAMES.filter(name => all[name] !== undefined).map(name => [name, all[name]]));
  return { ...report, digests, recorded };
}

/**
 * Sessions whose models have a record.
 *
 * @param {Digests} record
 * @param {typeof Admission} [Session]  of which make
 * @returns {typeof Admission}
 */
export const storedAdmission = (record, Session = Admission) =>
  class StoredAdmission extends Session {
    #guest;

    /** @param {ConstructorParameters<typeof Admission>} given */
    constructor(...given) {
      super(...given);
      this.#guest = given[0];
    }

    /** @override */
    finish() {
      return new StoredModel(this.#guest, super.finish().handle, record);
    }
  };
