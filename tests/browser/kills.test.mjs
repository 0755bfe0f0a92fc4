// Downloads into the store that are killed, for real, at random bytes: the next call goes on, and ends as if nothing
// had been. `GGUF_KILLS` is their number in each browser, `GGUF_SEED` repeats a run.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../node/support/random.mjs';
import { lacking, names, newProfile, removeProfile, start, whyNot } from './drive.mjs';
import { large } from './pages/models.js';
import { serve } from './server.mjs';

const MIB = 2 ** 20;
/** The most that a stop may cost: two groups of evidence. */
const COST = 2 * MIB;
const KILLS = Number(process.env.GGUF_KILLS ?? 5);
const SEED = Number(process.env.GGUF_SEED ?? (Date.now() % 2 ** 31) + 1);
/** Bytes a second. A kill is to find the download in its middle, whatever the machine is doing. */
const RATE = 24 * MIB;
const WAYS = /** @type {const} */ (['worker', 'tab', 'browser']);
const STORED = ['m.gguf', 'm.gguf.digests', 'm.gguf.evidence'];

const FILE = large(16);
const SHA256 = createHash('sha256').update(FILE).digest('hex');

for (const name of names) {
  const reason = whyNot(name) ?? (lacking(name, ['private files']) || false);
  describe(`in ${name}`, () => {
    const random = new Random(SEED);
    /** @type {Awaited<ReturnType<typeof serve>>} */ let server;
    /** @type {string} */ let profile;
    /** @type {import('./drive.mjs').Browser | undefined} */ let browser;
    /** @type {import('./drive.mjs').Page | undefined} */ let tab;
    if (!reason) {
      before(async () => {
        server = await serve();
        profile = await newProfile(name);
      });
      after(async () => {
        await browser?.close();
        await removeProfile(profile);
        await server?.close();
      });
    }

    /** The tab in which the next call is made, in a browser with the same files. */
    const there = async () => {
      browser ??= await start(name, { profile });
      return (tab ??= await browser.open(`${server.origin}/pages/blank.html`));
    };
    /** @param {typeof WAYS[number]} way */
    const killed = async way => {
      if (way === 'worker') return tab?.run(() => void doomed.terminate());
      if (way === 'tab') await tab?.close();
      else await browser?.kill?.();
      if (way === 'browser') browser = undefined;
      tab = undefined;
    };

    test(`${KILLS} kills of worker, tab and browser at random bytes of a download`, {
      skip: reason, timeout: 60_000 + 20_000 * KILLS,
    }, async () => {
      const counts = { worker: 0, tab: 0, browser: 0, moved: 0, missing: 0, files: 0 };
      console.log(`# ${name}: GGUF_SEED=${SEED} GGUF_KILLS=${KILLS}`);
      for (let kills = 0; kills < KILLS; counts.files++) {
        const hasLength = !random.oneIn(3);
        /** How far the server goes: the end of a download that is to be killed never comes. */ let most = 0;
        const served = server.put(() => ({
          body: FILE, etag: '"one"', rate: RATE, ...(!hasLength && { length: false }),
          ...(most < FILE.length && { hold: new Promise(() => {}), holdAt: most }),
        }));
        const targets = Array.from({ length: 1 + random.upTo(3) }, () => random.upTo(FILE.length - 1));
        targets.sort((one, other) => one - other);
        /** Bytes that were told to be stored, or that an earlier call went on from. */ let reached = 0;
        let stops = 0;
        /** @type {unknown[]} */ const story = [`length ${hasLength ? 'known' : 'unknown'}`];
        const check = (/** @type {import('./server.mjs').Request[]} */ requests) => {
          const from = requests.map(({ range }) => Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0));
          const told = `${JSON.stringify([...story, { reached, from }])} GGUF_SEED=${SEED}`;
          assert.ok(from.length <= 1, `one request is enough: ${told}`);
          assert.ok((from[0] ?? FILE.length) >= reached - COST, `more is fetched again than a stop may cost: ${told}`);
          reached = Math.max(reached, from[0] ?? 0);
        };
        for (const target of targets) {
          if (kills >= KILLS) break;
          // In turn, so that each is seen in a short run too.
          const way = WAYS[kills++ % WAYS.length];
          // Behind the last byte that it holds back the server waits. Some downloads it lets end: a kill may then come
          // while the file gets its name and its record, or too late.
          const isLast = target > FILE.length - MIB;
          most = isLast ? FILE.length : Math.min(FILE.length - 1, target + random.upTo(2 * MIB));
          const asked = served.requests.length;
          const page = await there();
          await page.run(begin, { url: served.url, isRemote: true });
          await untilSeen(page, Math.min(target, most - MIB));
          const delay = random.upTo(isLast ? 400 : 150);
          await sleep(delay);
          const [told, outcome] = await page.run(() => [seen, ended]);
          await killed(way);
          counts[way]++;
          stops++;
          const requests = served.requests.slice(asked);
          check(requests);
          reached = Math.max(reached, told);
          story.push({ way, target, most, told, delay, outcome });
          assert.ok(outcome === null || (isLast && outcome === 'admitted'), `it ended early: ${outcome}`);
        }
        most = FILE.length;
        const asked = served.requests.length;
        const missing = FILE.length - reached;
        const result = await (await there()).run(finish, served.url);
        const last = served.requests.slice(asked);
        const moved = last.reduce((sum, { sent }) => sum + sent, 0);
        const told = `${JSON.stringify([...story, { missing, moved, result }])} GGUF_SEED=${SEED}`;
        assert.deepEqual([result.names, result.sha256, result.onDisk], [STORED, SHA256, SHA256], told);
        check(last);
        assert.ok(moved <= missing + COST, `more was moved than was missing and a stop may cost: ${told}`);
        assert.ok(served.sent() <= FILE.length + stops * (COST + 2 * MIB), `all requests: ${served.sent()}; ${told}`);
        counts.moved += moved;
        counts.missing += missing;
        await (await there()).run(async () => {
          await kit.removeStored('m.gguf');
          const left = await kit.leftovers();
          if (left.length > 0) throw new Error(left.join('; '));
        });
      }
      console.log(`# ${name}: ${JSON.stringify(counts)}`);
    });

    test('a stored file that is being mended is killed: the next call mends it, and fetches only what is damaged', {
      skip: reason, timeout: 60_000 + 10_000 * KILLS,
    }, async () => {
      const served = server.put({ body: FILE, etag: '"one"' });
      await (await there()).run(finish, served.url);
      for (let kills = 0; kills < Math.ceil(KILLS / 5); kills++) {
        const asked = served.requests.length;
        const damaged = Array.from({ length: 3 }, () => random.upTo(FILE.length - 1));
        const page = await there();
        await page.run(damage, damaged);
        await page.run(begin, { url: served.url, isRemote: true });
        const delay = random.upTo(500);
        await sleep(delay);
        await killed(WAYS[kills % WAYS.length]);
        const result = await (await there()).run(finish, served.url);
        const requests = served.requests.slice(asked);
        const told = JSON.stringify({ damaged, delay, requests, result, SEED });
        assert.deepEqual([result.names, result.sha256, result.onDisk], [STORED, SHA256, SHA256], told);
        // Those of the first call, and of the second, if the first had not ended.
        const moved = requests.reduce((sum, { sent }) => sum + sent, 0);
        assert.ok(requests.every(({ range }) => range) && moved <= 2 * (3 * MIB + COST), told);
      }
      await (await there()).run(async () => {
        await kit.removeStored('m.gguf');
        const left = await kit.leftovers();
        if (left.length > 0) throw new Error(left.join('; '));
      });
    });

    test('on a page a part survives an abort, and a tab that is closed later takes no more than came since', {
      skip: reason, timeout: 120_000,
    }, async () => {
      const [first, second] = [5, 10].map(mib => mib * MIB + random.upTo(3 * MIB));
      let most = 0;
      const served = server.put(() => ({
        body: FILE, etag: '"one"', rate: RATE,
        ...(most < FILE.length && { hold: new Promise(() => {}), holdAt: most }),
      }));
      const told = [];
      for (const target of [first, second]) {
        most = target + 2 * MIB;
        const page = await there();
        await page.run(begin, { url: served.url, isRemote: false });
        await untilSeen(page, target);
        told.push(await page.run(() => seen));
        if (target === first) assert.match(await page.run(() => (abort.abort(), settled)), /^AbortError/);
        else await killed('tab');
      }
      most = FILE.length;
      const result = await (await there()).run(finish, served.url);
      // The swap file of a page that is gone is Chromium's to delete.
      const own = result.names.filter(name => !name.endsWith('.crswap'));
      assert.deepEqual([own, result.sha256, result.onDisk], [STORED, SHA256, SHA256]);
      const ranges = served.requests.map(({ range }) => range);
      const from = Number(/^bytes=(\d+)-$/.exec(ranges[1] ?? '')?.[1]);
      assert.ok(from >= told[0] - COST, `${told}: ${ranges} GGUF_SEED=${SEED}`);
      assert.deepEqual(ranges, [undefined, `bytes=${from}-`, `bytes=${from}-`]);
    });
  });
}

/**
 * Begins a download, and tells how far it is. Runs in the page.
 *
 * @param {{ url: string, isRemote: boolean }} how
 */
async function begin({ url, isRemote }) {
  const { guestWorker, native } = isRemote ? await kit.guestWorker() : {};
  const guest = isRemote ? undefined : await kit.guest();
  const abort = new AbortController();
  Object.assign(globalThis, { seen: 0, ended: null, doomed: native, abort });
  const options = { signal: abort.signal, onProgress: ({ bytes }) => void (seen = bytes) };
  const admitted = guestWorker
    ? guestWorker.admitStored('m.gguf', url, options)
    : kit.admitStored(guest, 'm.gguf', url, options);
  const told = admitted.then(() => 'admitted', error => `${error.name}: ${error.message}`);
  Object.assign(globalThis, { settled: told.then(outcome => (ended = outcome)) });
}

/** Flips bits of the stored file, as a disk does. Runs in the page. @param {number[]} offsets */
async function damage(offsets) {
  const { file } = await kit.findStored('m.gguf');
  const before = await file.getFile();
  const writable = await file.createWritable({ keepExistingData: true });
  for (const position of offsets) {
    const [byte] = new Uint8Array(await before.slice(position, position + 1).arrayBuffer());
    await writable.write({ type: 'write', position, data: Uint8Array.of(byte ^ 1) });
  }
  await writable.close();
}

/** The next call. Runs in the page. @param {string} url */
async function finish(url) {
  const { guestWorker } = await kit.guestWorker();
  const { model, found } = await guestWorker.admitStored('m.gguf', url);
  const { sha256 } = model.report.digests;
  await model.release();
  await guestWorker.close();
  const names = [];
  for await (const name of (await navigator.storage.getDirectory()).keys()) {
    // Of what the call before had stored: that it is used now.
    if (!found || name !== 'm.gguf.used') names.push(name);
  }
  const { file } = await kit.findStored('m.gguf');
  return { sha256, onDisk: await kit.sha256(await (await file.getFile()).arrayBuffer()), names: names.sort() };
}

/**
 * Waits until so many bytes are told.
 *
 * @param {import('./drive.mjs').Page} page
 * @param {number} bytes
 */
async function untilSeen(page, bytes) {
  while ((await page.run(() => seen)) < bytes) await sleep(5);
}
