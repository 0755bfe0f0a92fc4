export { Admission } from './admission.js';
export { admit } from './admit.js';
export { AdmissionError } from './errors.js';
export { Guest, loadGuest } from './guest.js';
export { hostFor } from './host.js';
export { Model } from './model.js';
export { opfsTee } from './opfs-tee.js';
export { admitStored, findStored, removeStored } from './stored.js';
export { allocCopy, loadModel, release } from './v1.js';
export { GuestWorker, loadGuestWorker } from './worker.js';

/** @typedef {import('./admit.js').AdmitOptions} AdmitOptions */
/** @typedef {import('./host.js').Host} Host */
/** @typedef {import('./host.js').LoadedModel} LoadedModel */
/** @typedef {import('./progress.js').ProgressEvent} AdmissionProgress */
/** @typedef {import('./worker/remote-model.js').RemoteModel} RemoteModel */
/** @typedef {import('./report.js').Report} Report */
/** @typedef {import('./settings.js').Limits} Limits */
/** @typedef {import('./sources.js').Admissible} Admissible */
/** @typedef {import('./opfs/stored-file.js').Stored} Stored */
/** @typedef {import('./opfs-tee.js').StoreOptions} StoreOptions */
/** @typedef {import('./tee.js').Tee} Tee */
