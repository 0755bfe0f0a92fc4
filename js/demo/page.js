// The demo page: one model at a time, from the header to the tables.
import { chosenAddress, chosenFiles } from './choice.js';
import { byId, element, showFacts } from './element.js';
import { showFailure } from './failure.js';
import { factsOf } from './facts.js';
import { showFindings } from './findings.js';
import { duration, size } from './format.js';
import { openGuest } from './guest.js';
import { Kept, namesFor } from './kept.js';
import { MemoryPlot } from './memory-plot.js';
import { showResult } from './result.js';
import { isFirst, whatFollows } from './shards.js';
import { Talk } from './talk.js';

/** @typedef {'header' | 'asking' | 'data' | 'done'} Step */

const plot = new MemoryPlot(byId('plot'), byId('memory-text'));
const mayUseWorker = new URLSearchParams(location.search).get('thread') !== 'page';

/** @type {import('./guest.js').PageGuest | undefined} */ let guest;
/** @type {Talk | undefined} with the model that was admitted to be run */ let talk;
/** @type {AbortController | undefined} of what runs, or ran last */ let latest;
/** @type {Promise<void>} settles when nothing runs */ let idle = Promise.resolve();

/**
 * One thing at a time: what is asked for last ends what runs, and waits for its end.
 *
 * @param {(controller: AbortController) => Promise<void>} act
 */
function next(act) {
  latest?.abort();
  const controller = (latest = new AbortController());
  idle = idle.then(() => (controller.signal.aborted ? undefined : act(controller)));
}

/** @param {import('./choice.js').Choice} choice */
const start = choice => next(controller => run(choice, controller));

/**
 * @param {import('./choice.js').Choice} choice
 * @param {AbortController} controller
 */
async function run({ source, name, total, kept: known }, controller) {
  await clear();
  byId('run-title').textContent = name;
  byId('run').hidden = false;
  byId('cancel').hidden = false;
  byId('facts-wait').hidden = false;
  byId('cancel').focus();
  showStep('header');
  showProgress({ bytes: 0, total, rate: 0 });
  plot.begin(total);
  say('Reading the header.');
  const memory = new MemoryWatch(total);
  const { signal } = controller;
  /** @type {string | string[] | undefined} in the store */ let names = known;
  try {
    const { runs, ...asked } = options();
    if (byId('keep').checked) names ??= await namesFor(source);
    // A file from the store has its digests in its record.
    if (names && asked.digests?.length === 1) delete asked.digests;
    const opening = openGuest(mayUseWorker, runs);
    guest = await unlessAborted(signal, opening).catch(error => {
      opening.then(late => late.close(), () => {});
      throw error;
    });
    const { admit, admitStored, memoryBytes, thread } = guest;
    byId('thread').textContent =
      thread === 'worker' ? 'The guest runs in a worker.' : 'The guest runs on the page’s own thread.';
    memory.measure = memoryBytes;
    memory.look();
    let quarter = 0;
    /** @type {import('../index.js').Report | undefined} */ let header;
    /** @type {import('../index.js').AdmitOptions} */
    const all = {
      ...asked,
      signal,
      async onHeader(report) {
        signal.throwIfAborted();
        if (!isFirst(report)) return;
        showFacts(byId('facts'), factsOf((header = report)));
        showFindings(report);
        byId('facts-wait').hidden = true;
        memory.bytes = report.position;
        memory.total = report.set ? memory.total : (report.length ?? memory.total);
        await memory.look();
        signal.throwIfAborted(); // then nobody is to be asked
        if (byId('ask').checked) await decision(report, signal);
        showStep('data');
        say('The header is sound. Reading the tensors.');
      },
      onProgress(event) {
        showProgress(event);
        memory.bytes = event.bytes;
        memory.total = event.total ?? memory.total;
        memory.look();
        const reached = event.total ? Math.floor((4 * event.bytes) / event.total) : 0;
        if (event.phase === 'data' && reached > quarter && reached < 4)
          say(`${25 * (quarter = reached)} % of the file is read.`);
      },
    };
    const admitted = names ? await admitStored(names, source, all) : { model: await admit(source, all), found: false };
    const { model, found } = admitted;
    showStep('done');
    await memory.look();
    byId('cancel').hidden = true;
    // The length is known by now. The memory is still what it took, not what the model holds.
    showFacts(byId('facts'), factsOf({ ...model.report, memory: header?.memory ?? model.report.memory }));
    showResult(model);
    byId('result').hidden = false;
    if (runs) {
      await model.activate();
      talk = new Talk(guest, model.report);
    }
    byId('result-title').textContent = model.report.sink === 'resident' ? 'Admitted, and in guest memory' : 'Admitted';
    byId('result-title').focus();
    await kept.show();
    const from = names && (found ? ' It was kept here.' : ' It is kept here now.');
    say(`${name} is admitted: ${size(model.report.position)}, every byte checked.${from ?? ''}`);
  } catch (error) {
    const isCancelled = signal.aborted;
    controller.abort(); // a question that is still open ends, too
    await letGo();
    await kept.show();
    stopped(error, isCancelled, names ? kept.partsOf(names) : 0);
  }
}

/** What the form asks for. */
function options() {
  const sha256 = byId('sha256').value.trim();
  const chosen = /** @type {'verify' | 'resident' | 'run'} */ (new FormData(byId('source')).get('sink'));
  const runs = chosen === 'run';
  const sink = /** @type {'verify' | 'resident'} */ (runs ? 'resident' : chosen);
  /** @type {import('../index.js').Algorithm[]} */
  const digests = byId('blake3').checked ? ['sha256', 'blake3'] : ['sha256'];
  const profile = byId('profile').checked ? /** @type {const} */ ('llama') : undefined;
  return { runs, sink, digests, profile, ...(sha256 && { sha256 }) };
}

/**
 * What `promise` settles to, or the signal's reason if that comes first.
 *
 * @template T
 * @param {AbortSignal} signal
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
const unlessAborted = (signal, promise) =>
  Promise.race([
    promise,
    new Promise((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener('abort', () => reject(signal.reason));
    }),
  ]);

/**
 * Waits for the user's word; an abort is one too.
 *
 * @param {import('../index.js').Report} report
 * @param {AbortSignal} signal  not aborted yet
 */
async function decision(report, signal) {
  const { memory, sink } = report;
  const rest = whatFollows(report);
  byId('decision-text').textContent =
    sink === 'resident'
      ? `${rest}; the guest will hold ${size(memory.needed)}.`
      : `${rest}; the guest needs ${size(memory.needed)} to check them.`;
  byId('decision').hidden = false;
  byId('cancel').hidden = true;
  showStep('asking');
  const total = (report.set ? shown.total : report.length) ?? undefined;
  showProgress({ bytes: report.position, total, rate: 0 });
  say('The header is sound. Go on, or cancel?');
  byId('decision-title').focus();
  try {
    await unlessAborted(signal, new Promise(resolve => (byId('go').onclick = resolve)));
    byId('cancel').hidden = false;
    if (byId('decision').contains(document.activeElement)) byId('cancel').focus();
  } finally {
    byId('decision').hidden = true;
  }
}

/**
 * @param {unknown} error
 * @param {boolean} isCancelled
 * @param {number} parts  bytes that are kept for the next time
 */
function stopped(error, isCancelled, parts) {
  const { offset } = /** @type {{ offset?: unknown }} */ (error ?? {});
  // What is wrong may lie in bytes that came after the last progress.
  if (!isCancelled && typeof offset === 'number') {
    showProgress({ bytes: Math.max(offset, shown.bytes), total: shown.total, rate: 0 });
  }
  byId('run').classList.add('stopped');
  byId('run').classList.toggle('failed', !isCancelled);
  byId('cancel').hidden = true;
  byId('numbers').replaceChildren(byId('numbers').firstChild); // no rate, no time left
  const bar = byId('bar');
  if (!bar.hasAttribute('value')) bar.value = 0; // nor a bar that looks busy
  byId('about').hidden = byId('facts').children.length === 0;
  if (isCancelled) {
    say(parts > 0 ? `Cancelled. ${size(parts)} are kept: it goes on from there.` : 'Cancelled. Nothing was kept.');
    byId('file').focus();
    return;
  }
  say(showFailure(error));
  byId('failure').hidden = false;
  byId('failure-title').focus();
}

/** Lets go of the guest, and so of its model and its memory. */
async function letGo() {
  const last = guest;
  guest = undefined;
  talk?.end();
  talk = undefined;
  await last?.close();
}

/** Lets go of the model that was admitted last, and of all that was shown. */
async function clear() {
  for (const id of ['failure', 'result', 'decision', 'findings']) byId(id).hidden = true;
  for (const id of ['metadata', 'tensors', 'facts']) byId(id).replaceChildren();
  byId('run').classList.remove('stopped', 'failed');
  byId('about').hidden = false;
  await letGo();
}

/** @type {{ bytes: number, total: number | undefined }} */ let shown = { bytes: 0, total: undefined };

/** @param {{ bytes: number, total: number | undefined, rate: number, phase?: string, kept?: number }} event */
function showProgress({ bytes, total, rate, phase, kept = 0 }) {
  shown = { bytes, total };
  const bar = byId('bar');
  if (total) Object.assign(bar, { max: total, value: bytes });
  else bar.removeAttribute('value');
  const texts = [
    phase === 'done' ? size(bytes) : `${size(bytes)} of ${total ? size(total) : 'unknown length'}`,
    rate > 0 ? `${size(rate)}/s` : '',
    rate > 0 && total && phase !== 'done' ? `${duration((total - bytes) / rate)} left` : '',
    kept > 0 ? `${size(kept)} were here` : '',
  ];
  byId('numbers').replaceChildren(...texts.filter(Boolean).map(text => element('span', {}, text)));
}

/** @param {Step} step */
function showStep(step) {
  let isPast = true;
  for (const item of byId('steps').children) {
    const isCurrent = item.dataset.step === step;
    if (isCurrent) item.setAttribute('aria-current', 'step');
    else item.removeAttribute('aria-current');
    if (isCurrent) isPast = false;
    item.classList.toggle('past', isPast || step === 'done');
  }
  document.documentElement.dataset.step = step;
}

/** @param {string} text  read aloud too */
function say(text) {
  byId('status').textContent = text;
}

/** Looks at the guest's memory, one question at a time. */
class MemoryWatch {
  bytes = 0;
  total;
  /** @type {(() => Promise<number>) | undefined} */ measure;
  /** @type {Promise<void> | undefined} */ #looking;

  /** @param {number | undefined} total */
  constructor(total) {
    this.total = total;
  }

  look() {
    return (this.#looking ??= this.#look().finally(() => (this.#looking = undefined)));
  }

  async #look() {
    const memory = await this.measure?.().catch(() => undefined);
    if (memory !== undefined) plot.add(this.bytes, memory, this.total);
  }
}

const kept = new Kept({ open: start, say });
kept.show();

/** @param {FileList | undefined} files */
function startFiles(files) {
  const choice = chosenFiles(files);
  if (choice) start(choice);
}

function startPicked() {
  startFiles(byId('file').files);
  byId('file').value = ''; // the same file can be chosen again
}
byId('file').addEventListener('change', startPicked);
startPicked(); // it may have been chosen before this script was there
byId('source').addEventListener('submit', (/** @type {Event} */ event) => {
  event.preventDefault();
  const text = byId('url').value.trim();
  if (!text) return say('Give a URL, or choose a file.');
  let choice;
  try {
    choice = chosenAddress(text);
  } catch {
    return say('That is not a URL.');
  }
  start(choice);
});
byId('cancel').addEventListener('click', () => latest?.abort());
byId('refuse').addEventListener('click', () => latest?.abort());
byId('release').addEventListener('click', () => next(async () => {
  await clear();
  byId('run').hidden = true;
  say('The model is released.');
  byId('file').focus();
}));

const carriesFile = (/** @type {DragEvent} */ event) => Boolean(event.dataTransfer?.types.includes('Files'));
addEventListener('dragover', event => {
  if (!carriesFile(event)) return;
  event.preventDefault();
  document.documentElement.classList.add('dragging');
});
addEventListener('dragleave', event => {
  if (!event.relatedTarget) document.documentElement.classList.remove('dragging');
});
addEventListener('drop', event => {
  document.documentElement.classList.remove('dragging');
  if (!carriesFile(event)) return;
  event.preventDefault();
  startFiles(event.dataTransfer?.files);
});
