// A guest, from wherever its module is.
import { AdmissionError, isAdmissionError, messageOf, whyOf } from '../core/errors.js';
import { nodeFs } from '../core/node.js';
import { placeOf, shown, whyUnfetched } from '../core/text.js';
import { notAGuest } from './exports.js';
import { Guest } from './guest.js';

const README = 'see "Bundlers and CSP" in the README of gguf-admission';

/**
 * Compiles and instantiates the guest.
 *
 * @param {string | URL | Response | BufferSource | WebAssembly.Module} [from]  default: `guest.wasm` of this package
 * @returns {Promise<Guest>}
 */
export async function loadGuest(from = new URL('../guest.wasm', import.meta.url)) {
  const module = await compile(from).catch(cause => Promise.reject(unlessOurs(cause)));
  const imports = WebAssembly.Module.imports(module);
  if (imports.length > 0) throw notAGuest(`it imports ${imports[0].module}.${imports[0].name}`);
  const guest = new Guest(await instantiated(module));
  if (guest.abi < 2) throw notAGuest('it exports no abi_version: this is a v1 module, use hostFor');
  return guest;
}

/**
 * What is no module, and throws when it is looked at; a file that cannot be read.
 *
 * @param {unknown} cause
 */
const unlessOurs = cause =>
  isAdmissionError(cause) ? cause : notAGuest(`it cannot be read: ${messageOf(cause)}`, { cause });

/** @param {WebAssembly.Module} module */
async function instantiated(module) {
  try {
    return (await WebAssembly.instantiate(module, {})).exports;
  } catch (cause) {
    // The engine says RangeError where it has no memory to give.
    if (!(cause instanceof RangeError)) throw unlessOurs(cause);
    throw new AdmissionError(`there is no memory for the guest: ${messageOf(cause)}`, {
      code: 'memory', kind: 'retry', path: 'memory', cause,
    });
  }
}

/**
 * @param {string | URL | Response | BufferSource | WebAssembly.Module} from
 * @returns {Promise<WebAssembly.Module>}
 */
async function compile(from) {
  if (from instanceof WebAssembly.Module) return (WebAssembly.Module.imports(from), from);
  if (from instanceof ArrayBuffer || ArrayBuffer.isView(from)) return compiled(() => WebAssembly.compile(from));
  if (from instanceof URL && from.protocol === 'file:') {
    const bytes = await nodeFs().promises.readFile(from);
    return compiled(() => WebAssembly.compile(bytes), placeOf(from));
  }
  const response = from instanceof Response ? from : await fetched(from);
  const place = placeOf(response.url || (from instanceof Response ? 'a Response' : from));
  const type = response.headers.get('content-type') ?? '';
  const isPage = /^(text\/html|application\/xhtml)/i.test(type);
  if (!response.ok || isPage) {
    await response.body?.cancel();
    const found = response.ok ? shown(type) : String(response.status);
    if (!response.ok) throw notAGuest(`the server answered ${found} for ${place}`, { found });
    const why = 'perhaps a bundler has moved this package';
    throw notAGuest(`at ${place} there is a web page (${found}): ${why}; ${README}`, { found });
  }
  // Streaming needs the type application/wasm, without parameters; any other server is served all the same.
  const isTyped = type === 'application/wasm' && WebAssembly.compileStreaming !== undefined;
  return compiled(async () => {
    return isTyped ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
  }, place);
}

/** @param {string | URL} from */
async function fetched(from) {
  const fault = whyUnfetched(from);
  if (fault) throw notAGuest(`${placeOf(from)} cannot be fetched: ${fault}`);
  try {
    return await fetch(from);
  } catch (cause) {
    throw notAGuest(`${placeOf(from)} could not be fetched: ${shown(whyOf(cause), 200)}`, { cause });
  }
}

/**
 * @param {() => Promise<WebAssembly.Module>} compile
 * @param {string} [place]
 */
async function compiled(compile, place = 'the bytes given') {
  try {
    return await compile();
  } catch (cause) {
    const why = shown(messageOf(cause), 300);
    const isForbidden = /content.security.policy|\bCSP\b/i.test(why);
    const advice = isForbidden ? `; the page has to allow script-src 'wasm-unsafe-eval'; ${README}` : '';
    throw notAGuest(`${place} could not be compiled: ${why}${advice}`, { cause });
  }
}
