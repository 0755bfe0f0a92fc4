// What the benchmark calls in its page. Nothing of the package is loaded before `startGuest`.
let gguf;
let guest;
let loops;
const longTasks = [];
new PerformanceObserver(list => longTasks.push(...list.getEntries().map(({ duration }) => duration))).observe({
  entryTypes: ['longtask'],
});

const pickedFile = () => document.querySelector('#file').files[0];

export async function startGuest() {
  gguf = await import('/js/index.js');
  guest = await gguf.loadGuestWorker();
}

/** @param {string} address of loops.js */
export function startLoops(address) {
  loops = new Worker(address, { type: 'module' });
}

/**
 * What is read: the stored file of that name, what `url` gives, as itself or as a response that the page has, or the
 * picked file.
 */
async function sourceOf({ stored, url, isResponse }) {
  if (stored) return (await gguf.findStored(stored)).file;
  return isResponse ? fetch(url) : url ?? pickedFile();
}

export async function admit({ store, sink = 'verify', digests = ['sha256'], progress = false, ...from }) {
  const source = await sourceOf(from);
  const options = { sink, digests, ...(store && { tee: gguf.opfsTee(store) }), ...(progress && { onProgress() {} }) };
  longTasks.length = 0;
  const began = performance.now();
  const model = await guest.admit(source, options);
  const wall = (performance.now() - began) / 1e3;
  const { length, digests: found } = model.report;
  const memory = await guest.memoryBytes();
  await model.release();
  return { wall, length, memory, longTasks: [...longTasks], ...found };
}

/** One of the ways of loops.js over the picked file; only prepares it when `isReal` is not given. */
export const loop = ({ way, address, isReal = false }) =>
  run({ way, address, source: isReal ? pickedFile() : undefined });

/** A worker downloads, and only reads. */
export const fetched = ({ url }) => run({ way: 'fetched', source: url });

/** Hands the body of a response over to the worker, which reads it. */
export async function transfer({ url }) {
  const { body } = await fetch(url);
  return run({ way: 'transferred', source: body }, [body]);
}

async function run(message, transferred = []) {
  const { port1, port2 } = new MessageChannel();
  const answer = new Promise(resolve => (port1.onmessage = ({ data }) => resolve(data)));
  longTasks.length = 0;
  const began = performance.now();
  loops.postMessage(message, [port2, ...transferred]);
  const { error, sha256 } = await answer;
  port1.close();
  if (error) throw new Error(`${message.way}: ${error}`);
  return { wall: (performance.now() - began) / 1e3, sha256, longTasks: [...longTasks] };
}
