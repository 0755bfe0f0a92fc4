// A wrong file costs little: what is taken from the reader, and what a server sends in vain.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { badTable, headerBytes, large } from './pages/models.js';
import { inEachBrowser } from './suite.mjs';

const KIB = 1024;
const MIB = 1024 * KIB;

const html = new TextEncoder().encode(
  `<!doctype html><title>Sign in</title>${'<p>Please sign in.</p>'.repeat(500_000)}`,
);
const magic = large();
magic[0] = 0x47 + 1;
const version = large();
version[4] = 99;
const table = badTable();

const FILES = {
  'a web page': { body: html, code: 'magic', atMost: 64 * KIB },
  'a wrong magic number': { body: magic, code: 'magic', atMost: 64 * KIB },
  'a version of the future': { body: version, code: 'version', atMost: 64 * KIB },
  'a wrong table': { body: table, code: 'layout', atMost: headerBytes(table) + 64 * KIB },
};

inEachBrowser(test => {
  for (const [what, { body, code, atMost }] of Object.entries(FILES)) {
    test(`${what} ends after ${atMost === 64 * KIB ? '' : 'its header and '}64 KiB, from every source`, async ({
      page,
      server,
    }) => {
      const { url } = server.put({ body });
      const results = await page.run(
        async ({ url }) => {
          const guest = await kit.guest();
          const bytes = await kit.bytes(url);
          const found = [];
          for (const name of [
            'a File',
            'a slice of a File',
            'a Response of fetch',
            'a URL',
            'a Response of a Blob',
            'a file handle of the private file system',
          ]) {
            for (const sink of ['verify', 'resident']) {
              const source = await kit.sources[name]({ bytes, url, piece: 65_536 });
              kit.bytesTaken();
              const { code, kind } = await kit.fault(kit.admit(guest, source, { sink }));
              found.push({ name, code, kind, taken: kit.bytesTaken() });
            }
          }
          for (const type of [undefined, 'bytes']) {
            const source = kit.controlled(bytes, { piece: 32_768, type });
            kit.bytesTaken();
            const { code, kind } = await kit.fault(kit.admit(guest, source.stream));
            found.push({
              name: `a stream ${type}`,
              code,
              kind,
              taken: kit.bytesTaken(),
              isCancelled: source.isCancelled,
            });
          }
          return found;
        },
        { url },
      );
      for (const { name, code: found, kind, taken, isCancelled = true } of results) {
        assert.deepEqual([found, kind, isCancelled], [code, 'rejected', true], name);
        assert.ok(taken <= atMost, `${name}: ${taken} bytes were taken, at most ${atMost}`);
      }
    }, { needs: ['byte streams', 'private files'] });

    test(`a slow server has sent at most 1 MiB more of ${what}`, async ({ page, server }) => {
      const served = server.put({ body, rate: 8 * MIB, piece: 16 * KIB });
      for (const how of ['url', 'response']) {
        const fault = await page.run(async ({ url, how }) => {
          const guest = await kit.guest();
          return kit.fault(kit.admit(guest, how === 'url' ? url : await fetch(url)));
        }, { url: served.url, how });
        assert.equal(fault.code, code);
        const request = served.requests.at(-1);
        await sleep(500);
        assert.ok(request.isOver, 'the connection is still open');
        assert.ok(request.sent <= atMost + MIB, `${request.sent} bytes were sent, ${atMost} had to be`);
      }
    });
  }

  test('a web page that says so is named as such', async ({ page, server }) => {
    const { url } = server.put({ body: html, type: 'text/html; charset=utf-8' });
    const fault = await page.run(async url => kit.fault(kit.admit(await kit.guest(), url)), url);
    assert.deepEqual([fault.code, fault.kind, fault.found], ['html', 'source', 'text/html; charset=utf-8']);
  });

  test('a header that is refused costs its header and 64 KiB', async ({ page, server }) => {
    const served = server.put({ body: large(), rate: 16 * MIB, piece: 16 * KIB });
    const { fault, taken } = await page.run(async url => {
      const guest = await kit.guest();
      const fault = await kit.fault(
        kit.admit(guest, url, {
          sink: 'resident',
          onHeader: () => {
            throw new RangeError('no');
          },
        }),
      );
      return { fault, taken: kit.bytesTaken() };
    }, served.url);
    assert.equal(fault.name, 'RangeError');
    assert.ok(taken <= 64 * KIB + 200, `${taken} bytes`);
    await sleep(300);
    assert.ok(served.requests[0].isOver);
    assert.ok(served.sent() <= MIB + 64 * KIB, `${served.sent()} bytes were sent`);
  }, { needs: ['small chunks'] });
});
