// Sets of shards: which files a set has, and whether they belong together.
import { basename, dirname, join } from 'node:path';
import { AdmissionError } from '../index.js';
import { refused } from './verdict.js';

/** The most shards of a set. */
const SHARDS = 64;

/**
 * All files of the set that a shard is of, by its name `PREFIX-00001-of-00003.gguf`; undefined for another name.
 *
 * @param {string} shard
 * @returns {string[] | undefined}
 */
export function filesOf(shard) {
  const [, prefix, number, digits] = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/s.exec(basename(shard)) ?? [];
  const no = Number(number), count = Number(digits);
  if (!(no >= 1 && no <= count && count <= SHARDS)) return undefined;
  const named = (/** @type {number} */ no) => `${prefix}-${String(no).padStart(5, '0')}-of-${digits}.gguf`;
  const folder = dirname(shard);
  const place = (/** @type {string} */ name) =>
    folder === '.' && !shard.startsWith('.') ? name : join(folder, name);
  return Array.from({ length: count }, (_, at) => place(named(at + 1)));
}

/**
 * Joins the shards, in the order of their names. Each that does not fit is refused. The first is the lead: without it
 * there is no set to join. Where another is missing, or was refused by itself, the rest are held against each other all
 * the same. Where all fit, but the lead tells of more or fewer shards than the names, the lead is refused.
 *
 * @param {import('../index.js').Guest} guest
 * @param {import('./verdict.js').Checked[]} shards
 */
export function joinShards(guest, shards) {
  const lead = shards[0]?.file;
  if (!lead) return;
  for (const shard of shards) {
    if (!shard.file) continue;
    try {
      guest.join(shard.file.handle, lead.handle);
    } catch (error) {
      if (!(error instanceof AdmissionError) || error.kind !== 'rejected') throw error;
      shard.verdict = refused(shard.verdict, error);
      // A lead that leads no set.
      if (shard.file === lead) return;
    }
  }
  if (shards.some(({ file, verdict }) => !file || verdict.verdict === 'rejected')) return;
  // All are good, and belong together: they would pass for a whole set.
  const { set, metadata } = guest.report(lead.handle);
  if (!set || set.count === shards.length) return;
  shards[0].verdict = refused(shards[0].verdict, {
    code: 'set',
    offset: null,
    path: `metadata[${metadata.findIndex(({ key }) => key === 'split.count')}].value`,
    message: `the set has ${set.count} shards, and its files' names say ${shards.length}`,
  });
}
