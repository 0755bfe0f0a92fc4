// What the benchmark calls in its page. Nothing of the package is loaded before `startGuest`.
let gguf;
let guest;
let loops;
const longTasks = [];
new PerformanceObserver(list => longTasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ entryTypes: ['longtask'] });

const pickedFile = () => document.querySelector('#file').files[0];

export async function startGuest() {
  gguf = await import('/js/index.js');
  guest = await gguf.loadGuestWorker();
}

/** @param {string} address of loops.js */
export function startLoops(address) {
  loops = new Worker(address, { type: 'module' });
}

/** Admits the picked file, or the stored one of that name. */
export async function admit({ stored, store, sink = 'verify', digests = ['sha256'], progress = false }) {
  const source = stored ? (await gguf.findStored(stored)).file : pickedFile();
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
export async function loop({ way, address, isReal = false }) {
  const { port1, port2 } = new MessageChannel();
  const answer = new Promise(resolve => (port1.onmessage = ({ data }) => resolve(data)));
  const began = performance.now();
  loops.postMessage({ way, address, file: isReal ? pickedFile() : undefined }, [port2]);
  const { error, sha256 } = await answer;
  port1.close();
  if (error) throw new Error(`${way}: ${error}`);
  return { wall: (performance.now() - began) / 1e3, sha256 };
}
