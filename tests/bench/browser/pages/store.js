// What the benchmark of the store calls in its page.
import * as gguf from '/js/index.js';

let guest;
/** Bytes that were told, of the latest call. */
let told = 0;

export async function start() {
  guest = await gguf.loadGuestWorker();
}

export const seen = () => told;
export const remove = name => gguf.removeStored(name);

/**
 * Stores `url`, or the picked file. `wall`: seconds until the answer; `ready`: how many of them came after the last
 * byte was judged.
 */
export async function store({ name, url, hasJournal = true }) {
  const source = url ?? document.querySelector('#file').files[0];
  told = 0;
  let kept = 0;
  let done = 0;
  const onProgress = event => {
    told = event.bytes;
    ({ kept } = event);
    if (event.phase === 'done') done = performance.now();
  };
  const began = performance.now();
  // The same digests: what is stored with a journal gets its BLAKE3 from the evidence.
  const model = hasJournal
    ? (await guest.admitStored(name, source, { onProgress })).model
    : await guest.admit(source, { onProgress, digests: ['sha256', 'blake3'], tee: gguf.opfsTee(name) });
  const ended = performance.now();
  const { sha256, blake3 } = model.report.digests;
  await model.release();
  return { wall: (ended - began) / 1e3, ready: (ended - done) / 1e3, kept, sha256, blake3 };
}

/** Goes on with what is kept of `name`; the server has no more. */
export async function goOn({ name, url }) {
  let kept = 0;
  const onProgress = event => void ({ kept } = event);
  const began = performance.now();
  const options = { digests: ['blake3'], retries: 0, onProgress };
  const fault = await guest.admitStored(name, url, options).then(() => undefined, error => error);
  const wall = (performance.now() - began) / 1e3;
  if (fault?.kind !== 'source') throw new Error(`it was to end at the server: ${fault}`);
  return { wall, kept };
}

/** Admits the stored file by its BLAKE3. */
export async function admitFound(name) {
  const { file } = await gguf.findStored(name);
  const began = performance.now();
  const model = await guest.admit(file, { digests: ['blake3'] });
  const wall = (performance.now() - began) / 1e3;
  await model.release();
  return { wall };
}

/** As a disk does: the file is not written anew. */
export async function damage({ name, at }) {
  const { file } = await gguf.findStored(name);
  const byte = new Uint8Array(await (await file.getFile()).slice(at, at + 1).arrayBuffer());
  const writable = await file.createWritable({ keepExistingData: true });
  await writable.write({ type: 'write', position: at, data: Uint8Array.of(byte[0] ^ 1) });
  await writable.close();
}
