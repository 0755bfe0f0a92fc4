// Servers that end with the test that asked for them.
import { afterEach } from 'node:test';
import { serve } from './server.js';

/** Those of this test. @type {Awaited<ReturnType<typeof serve>>[]} */
export const servers = [];

afterEach(async () => void (await Promise.all(servers.splice(0).map(server => server.close()))));

/** @param {Uint8Array} file @param {...import('./server.js').Manner} manners */
export async function serving(file, ...manners) {
  const server = await serve(file, ...manners);
  servers.push(server);
  return server;
}
