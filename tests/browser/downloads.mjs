// A file to download, what servers say of its version, and a download in the page.
import { createHash } from 'node:crypto';
import { middle } from './pages/models.js';

export const BODY = middle();
export const SIZE = BODY.length;
export const SHA256 = createHash('sha256').update(BODY).digest('hex');
export const OTHER = middle();
OTHER[SIZE - 1] ^= 1;
export const ETAG = { etag: '"v1"' };
export const MODIFIED = { headers: { 'last-modified': 'Sat, 01 Jan 2022 00:00:00 GMT' } };

/** Admits a URL; answers the digest, or the fault. Runs in the page. */
export async function download({ url, ...options }) {
  const guest = await kit.guest();
  const totals = new Set();
  const onProgress = ({ total, phase }) => void (phase === 'done' || totals.add(total ?? 'unknown'));
  try {
    const { digests, length } = kit.seen(await kit.admit(guest, url, { retryDelay: 5, onProgress, ...options }));
    return { sha256: digests.sha256, length, totals: [...totals] };
  } catch (error) {
    return kit.fault(Promise.reject(error));
  }
}

export const ranges = served =>
  served.requests.map(({ range, ifRange }) => [range, ifRange].filter(Boolean).join(' if '));
