// One file through this project's module (sink verify, no limit set): prints what it says as one JSON line. See
// conformance.py for its form.
import { closeSync, openSync, readFileSync } from 'node:fs';
import { AdmissionError, Guest, admit } from '../../js/index.js';

const module = readFileSync(new URL('../../js/guest.wasm', import.meta.url));
const { instance } = await WebAssembly.instantiate(module, {});

function facts({ gguf, metadata, tensors }) {
  return {
    version: gguf.version,
    entries: metadata.length,
    metadata: metadata.map(({ key, type, of, items }) => [key, type === 'array' ? `array of ${items} ${of}` : type]),
    tensorCount: tensors.length,
    dataOffset: gguf.dataOffset,
    tensors: tensors.map(({ name, type, dims, offset, bytes }) => ({ name, type, dims, offset, bytes })),
  };
}

async function read(path) {
  const fd = openSync(path, 'r');
  try {
    const model = await admit(new Guest(instance.exports), { fd }, { sink: 'verify' });
    return { accepts: facts(model.report) };
  } catch (error) {
    if (!(error instanceof AdmissionError)) throw error;
    const { code, offset, path: where, message } = error;
    return { rejects: message, code, offset: offset ?? null, path: where ?? null };
  } finally {
    closeSync(fd);
  }
}

console.log(JSON.stringify(await read(process.argv[2])));
