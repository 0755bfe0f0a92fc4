// The script of the worker that `loadGuestWorker` starts.
import { serveGuest } from './guest-server.js';

globalThis.onmessage = ({ data: { port } }) => serveGuest(port);
