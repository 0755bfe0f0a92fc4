// The admission of one file.
import { ADMISSION_OPTIONS } from '../guest/settings.js';
import { deliver } from './deliver.js';
import { ADMIT_OPTIONS } from './options.js';

/** @typedef {import('./options.js').AdmitOptions} AdmitOptions */

/**
 * Admits a file by sessions of any make, or into a given sink.
 *
 * @param {typeof import('../guest/admission.js').Admission} Session
 * @param {import('../guest/guest.js').Guest} guest
 * @param {import('../sources/source-of.js').Admissible} source
 * @param {AdmitOptions} [options]
 * @param {AdmitOptions['sink']} [sink]  whatever the options say
 * @returns {Promise<import('../guest/model.js').Model>}
 */
export function admitFile(Session, guest, source, options, sink) {
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
