// What keeping a download costs, and what is saved by it: the real model and the private file system of Chromium.
import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { newProfile, removeProfile, start } from '../../browser/drive.mjs';
import { median, printTable } from '../measure.mjs';
import { COLUMNS, alternate, row } from './pairs.mjs';
import { Renderer } from './renderer.mjs';

const MIB = 2 ** 20;

/**
 * @param {object} bench
 * @param {import('../../browser/drive.mjs').Browser} bench.browser
 * @param {import('../../browser/server.mjs').Server} bench.server
 * @param {string} bench.page    address of a page with an input for files
 * @param {string} bench.script  address of pages/store.js
 * @param {string} bench.real    path of the real model
 * @param {number} bench.rounds
 * @returns {Promise<object>} what was measured
 */
export async function measureStore(bench) {
  const results = { ratios: [], bytes: [] };
  const tab = await opened(bench.browser, bench);
  try {
    await tab.pick('#file', [bench.real]);
    const renderer = await Renderer.of(tab.native);
    const rows = [await withJournal(bench, tab, renderer, results), await onward(bench, tab, renderer, results)];
    const pairs = `median of ${bench.rounds} alternated pairs`;
    console.log(`The store: CPU time of the renderer process as a multiple of the comparison, ${pairs}\n`);
    printTable(COLUMNS, rows);
    console.log('From the last byte that was judged to the answer: flush, promotion, record (milliseconds)\n');
    printTable(['way', 'median', 'most'], results.ready.map(({ way, seconds }) => [
      way, ...[median(seconds), Math.max(...seconds)].map(value => (1e3 * value).toFixed(1)),
    ]));
  } finally {
    await tab.close();
  }
  await afterKill(bench, results);
  await healed(bench, results);
  console.log('Bytes that were moved, counted at the server\n');
  printTable(
    ['what', 'MiB', 'wanted at most'],
    results.bytes.map(({ what, moved, most }) => [what, ...[moved, most].map(bytes => (bytes / MIB).toFixed(2))]),
  );
  return results;
}

/** A page with a guest, and `call` in it. */
async function opened(browser, { page, script }) {
  const tab = await browser.open(page);
  await tab.evaluate(async address => void (globalThis.bench = await import(address)), script);
  const call = (name, argument) =>
    tab.evaluate(({ name, argument }) => globalThis.bench[name](argument), { name, argument });
  await call('start');
  return { ...tab, call };
}

/** Storing a file as a download that could be gone on with, against storing it as it passes. */
async function withJournal({ rounds }, { call }, renderer, results) {
  const name = 'journal.gguf';
  const ready = { 'with a journal': [], 'without': [] };
  const storing = hasJournal => async () => {
    await call('remove', name);
    const measured = await renderer.cpu(() => call('store', { name, hasJournal }));
    ready[hasJournal ? 'with a journal' : 'without'].push(measured.ready);
    return measured;
  };
  const pairs = await alternate(storing(false), { journal: storing(true) }, rounds);
  await call('remove', name);
  results.ready = Object.entries(ready).map(([way, seconds]) => ({ way, seconds }));
  return row(results.ratios, 'stored with a journal / stored without', 'at most 1.1', pairs.get('journal'));
}

/** Going on, as far as what was kept reaches, against admitting as many bytes from the store. */
async function onward({ server, real, rounds }, { call }, renderer, results) {
  const size = statSync(real).size;
  // The first download ends behind the last group that is whole, and the others before they have brought a byte.
  const end = Math.floor(size / MIB) * MIB + 100;
  const { url } = server.put(({ count }) => ({ body: { file: real }, etag: '"real"', breakAt: count === 1 ? end : 0 }));
  await call('store', { name: 'whole.gguf' });
  const goOn = () => call('goOn', { name: 'kept.gguf', url });
  await goOn();
  const { kept } = await goOn();
  const goingOn = async () => {
    const measured = await renderer.cpu(goOn);
    if (kept === 0 || measured.kept !== kept) throw new Error(`${measured.kept} bytes were kept, not ${kept}`);
    return measured;
  };
  const found = () => renderer.cpu(() => call('admitFound', 'whole.gguf'));
  const pairs = await alternate(found, { kept: goingOn }, rounds);
  for (const name of ['whole.gguf', 'kept.gguf']) await call('remove', name);
  const share = kept / size;
  const speeds = pairs.get('kept').map(pair => ({ ...pair, cpu: share / pair.cpu, wall: share / pair.wall }));
  return row(results.ratios, 'speed: a kept prefix proven / stored, verify + BLAKE3', 'at least 0.8', speeds);
}

/** What a second call moves when every process of the browser was killed at half of the file. */
async function afterKill({ server, page, script, real }, results) {
  const size = statSync(real).size;
  const half = Math.floor(size / 2);
  const never = new Promise(() => {});
  const served = server.put(({ count }) => ({
    body: { file: real }, etag: '"real"', ...(count === 1 && { hold: never, holdAt: half }),
  }));
  const profile = await newProfile('chromium');
  try {
    const doomed = await start('chromium', { profile });
    const { call } = await opened(doomed, { page, script });
    call('store', { name: 'killed.gguf', url: served.url }).catch(() => {}); // its browser is killed
    while ((await call('seen')) < half - MIB) await sleep(20);
    await doomed.kill?.();
    const next = await start('chromium', { profile });
    try {
      const again = await opened(next, { page, script });
      const { kept } = await again.call('store', { name: 'killed.gguf', url: served.url });
      const moved = served.requests[1].sent;
      const most = size - half + 2 * MIB;
      results.bytes.push({ what: 'after one kill at half of the real model', moved, most, kept });
    } finally {
      await next.close();
    }
  } finally {
    await removeProfile(profile);
  }
}

/** What is fetched when one MiB of the stored model is damaged. */
async function healed({ browser, server, page, script, real }, results) {
  const served = server.put({ body: { file: real }, etag: '"real"' });
  const tab = await opened(browser, { page, script });
  try {
    const { blake3 } = await tab.call('store', { name: 'healed.gguf', url: served.url });
    await tab.call('damage', { name: 'healed.gguf', at: Math.floor(statSync(real).size / 2) });
    const before = served.sent();
    const again = await tab.call('store', { name: 'healed.gguf', url: served.url });
    if (again.blake3 !== blake3) throw new Error('another BLAKE3 than before');
    const moved = served.sent() - before;
    results.bytes.push({ what: 'to heal one damaged MiB of the real model', moved, most: 3 * MIB });
    await tab.call('remove', 'healed.gguf');
  } finally {
    await tab.close();
  }
}
