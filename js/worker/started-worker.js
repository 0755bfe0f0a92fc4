// The worker of a `GuestWorker`, started; and why it may not have been.
import { AdmissionError, messageOf, misuse } from '../core/errors.js';
import { placeOf, shown } from '../core/text.js';

/** @typedef {{ worker: Worker, forget: () => void }} Started  `forget`: what was made to start it can go */

const OPTIONS = /** @type {const} */ ({ type: 'module', name: 'gguf-admission' });
const README = 'see "Bundlers and CSP" in the README of gguf-admission';
/** Not as a bundler would see it: only what no bundler has touched is started by this address. */
const entry = () => new URL(['entry', 'js'].join('.'), import.meta.url);

/** @returns {Started} */
export function startedWorker() {
  if (typeof Worker !== 'function') {
    const instead = 'in Node use loadGuest and admit, or give { worker }, one that runs gguf-admission/worker/entry.js';
    throw misuse(`there is no Worker here: ${instead}`, { code: 'unsupported' });
  }
  const importer = importerOfEntry();
  const forget = () => importer && URL.revokeObjectURL(importer);
  try {
    return { worker: importer ? new Worker(importer, OPTIONS) : bundledWorker(), forget };
  } catch (cause) {
    if (!trustedTypes()) throw refused(cause);
    // A page that takes addresses of scripts from its policies only, and throws for any other.
    return { worker: trustedWorker(importer ?? entry().href), forget };
  }
}

/** Written so that bundlers see it. */
const bundledWorker = () =>
  new Worker(new URL('./entry.js', import.meta.url), { type: 'module', name: 'gguf-admission' });

/**
 * A worker has to be of the page's own origin, but may import from another, a CDN say: where it does, a script of ours.
 * (A bundler may have put the address of the file at build time in the place of the page's.)
 */
function importerOfEntry() {
  const { protocol, origin } = new URL(import.meta.url);
  if (!/^https?:$/.test(protocol) || origin === globalThis.location?.origin) return undefined;
  return URL.createObjectURL(new Blob([`import ${JSON.stringify(entry().href)};`], { type: 'text/javascript' }));
}

/** @returns {any} */
const trustedTypes = () => /** @type {any} */ (globalThis).trustedTypes;

/** @type {any} one for all: a policy is made once */
let policy;

/** @param {string} address */
function trustedWorker(address) {
  try {
    policy ??= trustedTypes().createPolicy('gguf-admission', { createScriptURL: (/** @type {string} */ url) => url });
    return new Worker(policy.createScriptURL(address), OPTIONS);
  } catch (cause) {
    throw refused(cause, 'the page asks for Trusted Types: allow `trusted-types gguf-admission`');
  }
}

/**
 * @param {unknown} cause
 * @param {string} [advice]
 */
const refused = (cause, advice = 'look at worker-src and script-src of its Content-Security-Policy') =>
  new AdmissionError(`the page may not start the guest's worker (${messageOf(cause)}); ${advice}; ${README}`, {
    code: 'worker',
    kind: 'dead',
    cause,
  });

/**
 * Engines do not say why a worker did not start. Mostly it is not there.
 *
 * @param {AdmissionError} error
 * @returns {Promise<AdmissionError>}
 */
export async function notStarted(error) {
  const address = entry();
  if (!/^https?:$/.test(address.protocol)) return error; // a bundler has named it, and knows where it is
  const found = await fetch(address, { cache: 'no-store' }).then(
    ({ ok, status, headers }) => (ok ? (headers.get('content-type') ?? 'no type') : `status ${status}`),
    fault => messageOf(fault),
  );
  const why = /javascript/.test(found)
    ? globalThis.crossOriginIsolated
      ? 'this page is isolated, so the script needs the header Cross-Origin-Embedder-Policy: require-corp'
      : 'perhaps a Content-Security-Policy forbids it (worker-src, script-src)'
    : `${/html/.test(found) ? 'a web page, ' : ''}perhaps a bundler has moved this package`;
  return new AdmissionError(`${error.message}: at ${placeOf(address)} there is ${shown(found)}: ${why}; ${README}`, {
    code: 'worker',
    kind: 'dead',
    found: shown(found),
    cause: error,
  });
}
