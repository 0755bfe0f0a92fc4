import { createHash } from 'node:crypto';

export const sha256 = bytes => createHash('sha256').update(bytes).digest('hex');

/** A digest in hex as the four words that `expect_digest` takes. */
export const words = hex => [0, 16, 32, 48].map(at => BigInt.asIntN(64, BigInt(`0x${hex.slice(at, at + 16)}`)));
