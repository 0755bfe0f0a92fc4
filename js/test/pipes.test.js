// Pipes and devices of Node: read as streams, without a thread that waits, and never closed where they are the
// caller's.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { admit } from '../index.js';
import { folderWith } from './support/disk.js';
import { assertNoSession, faultOf, freshGuest } from './support/guest.js';
import { gguf } from './support/gguf.js';

const file = gguf({ tensors: [{ bytes: 3_000_001 }, { bytes: 7 }] });
const { folder, onDisk, openFiles } = folderWith(file);

/** @type {import('../index.js').Guest} */ let guest;
beforeEach(async () => void (guest = await freshGuest()));

test('a pipe and a device are read as streams', async () => {
  const fault = await faultOf(admit(guest, { path: '/dev/null' }));
  assert.deepEqual([fault.code, fault.path], ['truncated', 'magic']);
  assert.equal((await faultOf(admit(guest, { path: '/dev/zero' }))).code, 'magic');
  assertNoSession(guest);
});

/** @param {(pipe: string) => unknown} use */
async function withPipe(use) {
  const pipe = path.join(folder, `pipe-${Math.random()}`);
  execFileSync('mkfifo', [pipe]);
  try {
    await use(pipe);
  } finally {
    fs.rmSync(pipe);
  }
}

test('a named pipe is admitted, whether its writer comes before or after, and closed', () => withPipe(async pipe => {
  for (const from of [{ path: pipe }, { path: pathToFileURL(pipe) }, pathToFileURL(pipe).href]) {
    for (const isFirst of [true, false]) {
      const write = () => spawn('sh', ['-c', `cat ${onDisk} > ${pipe}`]);
      const writer = isFirst ? write() : undefined;
      if (isFirst) await new Promise(resolve => setTimeout(resolve, 30));
      const admitting = admit(guest, from);
      if (!isFirst) await new Promise(resolve => setTimeout(resolve, 30));
      const other = writer ?? write();
      const model = await admitting;
      assert.equal(model.report.position, file.length);
      model.release();
      await new Promise(resolve => (other.exitCode === null ? other.on('exit', resolve) : resolve(undefined)));
      assert.equal(openFiles(), 0);
    }
  }
}));

/**
 * What a program of its own prints: a process whose threads all wait cannot even end.
 *
 * @param {string} script
 * @param {Record<string, string>} [env]
 */
function printed(script, env) {
  const prelude = `
    import fs from 'node:fs';
    import { pathToFileURL } from 'node:url';
    import { admit, loadGuest } from ${JSON.stringify(new URL('../index.js', import.meta.url).href)};
    const guest = await loadGuest();
    const { PIPE, FILE } = process.env;
    const reason = new Error('no patience');
    const givenUp = async from => {
      const abort = new AbortController();
      setTimeout(() => abort.abort(reason), 20);
      const fault = await admit(guest, from, { signal: abort.signal }).catch(error => error);
      await fs.promises.stat(FILE); // what only one of Node's four threads can answer
      return fault === reason;
    };`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', prelude + script], {
    env: { ...process.env, FILE: onDisk, ...env },
    timeout: 30_000,
    killSignal: 'SIGKILL',
  });
  return stdout.toString().trim();
}

test('pipes that nobody writes to, opened and given up, take no thread and stay open nowhere', () => withPipe(PIPE => {
  const script = `
    const found = [];
    for (let round = 0; round < 6; round++) {
      for (const from of [{ path: PIPE }, pathToFileURL(PIPE).href]) found.push(await givenUp(from));
    }
    const open = fs.readdirSync('/proc/self/fd').filter(fd => {
      try { return fs.readlinkSync('/proc/self/fd/' + fd) === PIPE; } catch { return false; }
    });
    console.log(found.every(Boolean), found.length, open.length);`;
  assert.equal(printed(script, { PIPE }), 'true 12 0');
}));

test('no thread waits in a pipe of the caller\'s either, and no read that was given up takes what comes later', () =>
  withPipe(PIPE => {
    const script = `
      const ends = Array.from({ length: 6 }, () => fs.openSync(PIPE, 'r+'));
      const found = [];
      for (const fd of ends) found.push(await givenUp({ fd }));
      fs.writeSync(ends[0], 'mine');
      await new Promise(resolve => setTimeout(resolve, 50));
      const bytes = Buffer.alloc(4);
      fs.readSync(ends[1], bytes);
      console.log(found.every(Boolean), bytes.toString());`;
    assert.equal(printed(script, { PIPE }), 'true mine');
  }));

test('a pipe or a device of the caller\'s stays open, whatever comes of it', async () => {
  const isOpen = (/** @type {number} */ fd) => {
    try {
      return Boolean(fs.fstatSync(fd));
    } catch {
      return false;
    }
  };
  const device = fs.openSync('/dev/zero', 'r');
  const handle = await open('/dev/zero');
  for (const from of [{ fd: device }, handle]) {
    assert.equal((await faultOf(admit(guest, from))).code, 'magic');
    await new Promise(resolve => setTimeout(resolve, 50));
    assert.ok(isOpen(device) && isOpen(handle.fd));
  }
  fs.closeSync(device);
  await handle.close();

  await withPipe(async pipe => {
    const writer = spawn('sh', ['-c', `cat ${onDisk} > ${pipe}`]);
    const fd = fs.openSync(pipe, 'r');
    const model = await admit(guest, { fd });
    assert.equal(model.report.position, file.length);
    assert.ok(isOpen(fd));
    fs.closeSync(fd);
    model.release();
    await new Promise(resolve => (writer.exitCode === null ? writer.on('exit', resolve) : resolve(undefined)));
  });
  assert.equal(openFiles(), 0);
  assertNoSession(guest);
});

test('what is piped into a program is admitted from its descriptor 0, and by its path', () => {
  for (const from of ['{ fd: 0 }', "{ path: '/dev/stdin' }", 'process.stdin']) {
    const script = `import { admit, loadGuest } from ${JSON.stringify(new URL('../index.js', import.meta.url).href)};
      console.log((await admit(await loadGuest(), ${from})).report.position);`;
    const said = execFileSync('sh', ['-c', `cat ${onDisk} | ${process.execPath} --input-type=module -e "$SCRIPT"`], {
      env: { ...process.env, SCRIPT: script },
    });
    assert.equal(Number(said.toString()), file.length, from);
  }
});
