/** @typedef {import('./stored-file.js').Stored} Stored */
/** @typedef {import('./stored-file.js').StoredFile} StoredFile */

/**
 * Writes down that a file was used, and what was learnt of it. It is as good without: where that cannot be written, or
 * another tab has the name, the next admission does it.
 *
 * @param {StoredFile} files
 * @param {Stored} found
 * @param {{ evidence: Uint8Array, digests: Stored['digests'] }} [learnt]  more than the disk knows
 */
export async function noted(files, found, learnt) {
  const unlock = await files.tryLock();
  if (!unlock) return;
  try {
    if ((await files.lookup())?.id !== found.id) return;
    if (learnt) {
      await files.putEvidence(learnt.evidence);
      await files.record({ ...found, digests: { ...found.digests, ...learnt.digests } });
    }
    await files.touch();
  } catch {
    // A full disk, say: it is not what was asked for.
  } finally {
    unlock();
  }
}
