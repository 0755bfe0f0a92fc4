import { parentPort } from 'node:worker_threads';
import '../../worker/entry.js';

parentPort?.on('message', data => /** @type {any} */ (globalThis).onmessage({ data }));
