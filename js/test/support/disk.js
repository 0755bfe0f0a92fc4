// A folder of the disk for the tests of one file, and which of its files are open.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before } from 'node:test';

/**
 * A folder with the file in it as `model.gguf`, while the tests of the calling file run.
 *
 * @param {Uint8Array} file
 */
export function folderWith(file) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gguf-admission-'));
  const onDisk = path.join(folder, 'model.gguf');
  before(() => fs.writeFileSync(onDisk, file));
  after(() => fs.rmSync(folder, { recursive: true }));
  return {
    folder,
    onDisk,
    /** How many files of the folder this process has open. */
    openFiles: () => fs.readdirSync('/proc/self/fd').filter(fd => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
      } catch {
        return false;
      }
    }).length,
  };
}
