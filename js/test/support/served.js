// A `GuestWorker` whose worker is this very thread: both sides see one private file system, and the test sees it too.
import { GuestWorker } from '../../index.js';
import { serveGuest } from '../../worker/guest-server.js';

/**
 * Calls `use` with it, and closes it.
 *
 * @param {(guest: GuestWorker) => Promise<void>} use
 */
export async function withServedGuest(use) {
  const worker = {
    postMessage: (/** @type {{ port: MessagePort }} */ { port }) => serveGuest(port),
    terminate() {},
    addEventListener() {},
  };
  const guest = new GuestWorker(worker);
  try {
    await guest.load();
    await use(guest);
  } finally {
    await guest.close();
  }
}
