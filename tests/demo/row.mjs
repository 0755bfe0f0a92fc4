// One admission of one file through one ABI, in the instance and the process of its own: `row.mjs KIND FILE` prints it
// as JSON. KIND is v1, verify or resident.
import { closeSync, fstatSync, openSync, readSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Guest, admit } from '../../js/index.js';

export const KINDS = ['v1', 'verify', 'resident'];
/** The parts of a report that are the same for the same file, whatever the ABI and the sink. */
export const SECTIONS = ['gguf', 'metadata', 'tensors', 'digests'];

const MODULE = new URL('../../js/guest.wasm', import.meta.url);
const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * @typedef {object} Row
 * @property {string} kind
 * @property {string} verdict  admitted, rejected (the file is at fault) or refused (it does not fit this way in)
 * @property {string} code
 * @property {number | null} offset
 * @property {string | null} path
 * @property {string} message
 * @property {number} seconds  from opening the file to the verdict
 * @property {number} bytes  length of the file
 * @property {number} peak  most bytes that the guest's memory had; it never shrinks
 * @property {Record<string, string> | null} sections  the report's, as the guest wrote them
 */

/**
 * @param {string} kind
 * @param {string} file
 * @returns {Promise<Row>}
 */
export async function row(kind, file) {
  const { guest, exports } = await instance();
  const fd = openSync(file, 'r');
  try {
    const bytes = fstatSync(fd).size;
    const start = performance.now();
    const outcome = kind === 'v1' ? throughV1(guest, fd, bytes) : await throughV2(guest, fd, bytes, kind);
    const seconds = (performance.now() - start) / 1000;
    const text =
      outcome.verdict !== 'admitted'
        ? null
        : kind === 'v1'
          ? activeModel(guest)
          : report(guest, exports, outcome.handle);
    const { verdict, code, offset = null, path = null, message = '' } = outcome;
    return {
      kind,
      verdict,
      code,
      offset,
      path,
      message,
      seconds,
      bytes,
      peak: guest.memoryBytes,
      sections: text && sections(text),
    };
  } finally {
    closeSync(fd);
  }
}

async function instance() {
  const { instance } = await WebAssembly.instantiate(readFileSync(MODULE), {});
  return { guest: new Guest(instance.exports), exports: instance.exports };
}

/** The whole file in one transfer: alloc, fill, load_model, dealloc. */
function throughV1(guest, fd, bytes) {
  // alloc takes 32 bits: a length beyond them must not come out as a small one.
  const ptr = guest.alloc(Math.min(bytes, 0xffffffff));
  if (ptr === 0) return { verdict: 'refused', code: 'alloc: null', message: 'one transfer holds 1 to 134217728 bytes' };
  for (let at = 0; at < bytes; ) {
    const got = readSync(fd, guest.view(ptr + at, bytes - at), 0, bytes - at, at);
    if (got === 0) throw new Error('the file became shorter while it was read');
    at += got;
  }
  const status = guest.loadModel(ptr, bytes);
  guest.dealloc(ptr, bytes);
  if (status === 0) return { verdict: 'admitted', code: 'ok' };
  return notAdmitted(JSON.parse(guest.lastResult()));
}

async function throughV2(guest, fd, bytes, sink) {
  try {
    const model = await admit(guest, { fd }, { sink });
    return { verdict: 'admitted', code: 'ok', handle: model.handle };
  } catch (error) {
    if (error.kind !== 'rejected' && error.kind !== 'retry') throw error;
    return notAdmitted(error);
  }
}

/** A fault of the file, or a lack of memory for it. */
function notAdmitted({ code, offset, path, message }) {
  const fits = path !== 'memory' && code !== 'memory';
  return { verdict: fits ? 'rejected' : 'refused', code, offset, path, message };
}

const activeModel = guest => members(guest.diagnostics()).get('model');

function report(guest, exports, handle) {
  const slice = exports.report(handle);
  return utf8.decode(guest.view(Number(slice & 0xffffffffn), Number(slice >> 32n)));
}

const sections = json => {
  const all = members(json);
  return Object.fromEntries(SECTIONS.map(name => [name, all.get(name)]));
};

/** The members of a JSON object, each as it is written, byte for byte. */
function members(json) {
  const found = new Map();
  let depth = 0;
  let key;
  let from = 0;
  for (const { 0: token, index } of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:,]/g)) {
    if (token === '{' || token === '[') depth += 1;
    if (token === '}' || token === ']') depth -= 1;
    if (depth === 1 && token === ':') from = index + 1;
    if (depth === 1 && token[0] === '"') key ??= JSON.parse(token);
    if (key !== undefined && ((depth === 1 && token === ',') || depth === 0)) {
      found.set(key, json.slice(from, index));
      key = undefined;
    }
  }
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [kind, file] = process.argv.slice(2);
  console.log(JSON.stringify(await row(kind, file)));
}
