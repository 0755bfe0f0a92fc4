// A file that holds the very bytes with which its second window is lent.
import { fileOf } from './gguf.mjs';
import { OPEN_WINDOW } from './host.mjs';

/**
 * A good file for the first session of a new instance; `guest` is such an instance, and is used up.
 *
 * @returns {{ file: Uint8Array, at: number }} `at` is the offset of the bytes that look unwritten
 */
export function stampedFile(guest) {
  const file = fileOf(100_000);
  const handle = guest.begin(BigInt(file.length), 1);
  const view = () => {
    const slice = guest.window(handle);
    return new Uint8Array(guest.memory.buffer, Number(slice & 0xffffffffn), Number(slice >> 32n));
  };
  view().set(file.subarray(0, OPEN_WINDOW));
  guest.push_chunk(handle, 0n, OPEN_WINDOW);
  file.set(view().subarray(0, 16), OPEN_WINDOW);
  return { file, at: OPEN_WINDOW };
}
