import { Admission } from '../guest/admission.js';
import { deliver } from './deliver.js';
import { settingsOf } from '../guest/settings.js';

/**
 * @typedef {import('../guest/settings.js').AdmissionOptions & import('./deliver.js').DeliveryOptions
 *   & import('../sources/source.js').SourceOptions & { onHeader?: import('../guest/admission.js').OnHeader }}
 *   AdmitOptions
 */

/**
 * Admits a GGUF file: every byte checked and hashed as it passes.
 *
 * If anything goes wrong (the file, the source, the server, a callback, a tee, an abort), the error is thrown when all
 * is cleaned up: no session is left in the guest, the source is cancelled and unlocked, every tee was told, what was
 * opened here is closed, and other models are as they were.
 *
 * @param {import('../guest/guest.js').Guest} guest
 * @param {import('../sources/source-of.js').Admissible} source
 * @param {AdmitOptions} [options]
 * @returns {Promise<import('../guest/model.js').Model>}
 */
export function admit(guest, source, options = {}) {
  return deliver(source, options, () => {
    settingsOf(options);
    const { onHeader } = options;
    return (length, progress) => new Admission(guest, {
      ...options, length,
      onHeader: onHeader && ((report, header) => progress.pausedFor(() => onHeader(report, header))),
    });
  });
}
