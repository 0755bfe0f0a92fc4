// What it means when a guest answers no, or not at all.
import { AdmissionError, kindOf, messageOf } from '../core/errors.js';

const POISONED = -64;

/**
 * @param {number} status  below 0
 * @param {() => any} lastError  the guest's own words for it
 */
export function refusal(status, lastError) {
  const detail = status <= POISONED ? null : lastError();
  if (detail?.status === status) return new AdmissionError(detail.message, detail);
  const code = status === POISONED ? 'poisoned' : `status ${status}`;
  return new AdmissionError(`the guest answered ${code}`, { code, kind: kindOf(status), status });
}

/** @param {WebAssembly.RuntimeError} cause */
export const trapped = cause =>
  new AdmissionError(`the guest trapped: ${messageOf(cause)}`, {
    code: 'poisoned', kind: 'dead', status: POISONED, cause,
  });
