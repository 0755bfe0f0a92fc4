// A guest in this worker, for the page that started it.
import { loadGuest } from '../guest/load.js';
import { makeRoom } from '../store/room.js';
import { Freight, Line } from './line.js';
import { ServedAdmission } from './served-admission.js';

/** @param {MessagePort} port  of the page's `GuestWorker` */
export function serveGuest(port) {
  /** @type {Promise<import('../guest/guest.js').Guest>} */ let guest;
  /** @type {Set<ServedAdmission>} */ const admissions = new Set();
  new Line(port, line => ({
    async load(from, lifeline) {
      guest = loadGuest(from);
      await guest;
      return isHeld(lifeline);
    },
    admit(port) {
      const admission = new ServedAdmission(guest, port, () => admissions.delete(admission));
      admissions.add(admission);
    },
    makeRoom: (bytes, options) => makeRoom(bytes, options),
    memoryBytes: async () => (await guest).memoryBytes,
    call: async (name, ...args) => (await guest).call(name, ...args),
    async callRead(name, ...args) {
      const bytes = (await guest).callRead(name, ...args).slice();
      return new Freight(bytes, [bytes.buffer]);
    },
    callWrite: async (name, bytes, ...args) => (await guest).callWrite(name, bytes, ...args),
    async end(reason) {
      const error = line.faults.unpack(reason);
      await Promise.all([...admissions].map(admission => admission.end(error)));
    },
  }));
}

/**
 * Holds a lock for as long as this worker lives: whoever is granted it next knows that the worker is gone.
 *
 * @param {string} name
 * @returns {Promise<boolean>} whether there are locks here
 */
const isHeld = name =>
  new Promise(resolve => {
    const { locks } = globalThis.navigator ?? {};
    if (!locks) return resolve(false);
    locks.request(name, () => (resolve(true), new Promise(() => {}))).catch(() => resolve(false));
  });
