export { Admission } from './admission.js';
export { admit } from './admit.js';
export { AdmissionError } from './errors.js';
export { Guest, loadGuest } from './guest.js';
export { hostFor } from './host.js';
export { Model } from './model.js';
export { allocCopy, loadModel, release } from './v1.js';

/** @typedef {import('./admit.js').AdmitOptions} AdmitOptions */
/** @typedef {import('./host.js').Host} Host */
/** @typedef {import('./host.js').LoadedModel} LoadedModel */
/** @typedef {import('./progress.js').ProgressEvent} AdmissionProgress */
/** @typedef {import('./report.js').Report} Report */
/** @typedef {import('./settings.js').Limits} Limits */
/** @typedef {import('./sources.js').Admissible} Admissible */
/** @typedef {import('./tee.js').Tee} Tee */
