import { Admission } from '../guest/admission.js';
import { ADMISSION_OPTIONS } from '../guest/settings.js';
import { deliver } from './deliver.js';
import { ADMIT_OPTIONS } from './options.js';

/** @typedef {import('./options.js').AdmitOptions} AdmitOptions */

/**
 * Admits a GGUF file: every byte checked and hashed as it passes.
 *
 * If anything goes wrong (the options, the file, the source, the server, a callback, a tee, an abort), the error is
 * thrown when all is cleaned up: no session is left in the guest, the source is cancelled and unlocked, every tee was
 * told, what was opened here is closed, and other models are as they were.
 *
 * @param {import('../guest/guest.js').Guest} guest
 * @param {import('../sources/source-of.js').Admissible} source
 * @param {AdmitOptions} [options]  each is read once; one that is not known is misuse
 * @returns {Promise<import('../guest/model.js').Model>}
 */
export function admit(guest, source, options) {
  return admitBy(Admission, guest, source, options);
}

/**
 * By sessions of another make, or into a given sink.
 *
 * @param {typeof Admission} Session
 * @param {import('../guest/guest.js').Guest} guest
 * @param {import('../sources/source-of.js').Admissible} source
 * @param {AdmitOptions} [options]
 * @param {AdmitOptions['sink']} [sink]  whatever the options say
 * @returns {Promise<import('../guest/model.js').Model>}
 */
export function admitBy(Session, guest, source, options, sink) {
  return deliver(source, options, ADMIT_OPTIONS, (checked, length, progress) => {
    const { onHeader } = checked;
    return new Session(guest, {
      ...admissionOf(checked),
      ...(sink && { sink }),
      length,
      onHeader: onHeader && ((report, header) => progress.pausedFor(() => onHeader(report, header))),
    });
  });
}

/**
 * Of the options those of the session in the guest.
 *
 * @param {AdmitOptions} options
 * @returns {import('../guest/settings.js').AdmissionOptions}
 */
export const admissionOf = options =>
  Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(ADMISSION_OPTIONS, name)));
