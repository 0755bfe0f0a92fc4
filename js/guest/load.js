// A guest, from wherever its module is.
import { nodeFs } from '../core/node.js';
import { Guest, notAGuest } from './guest.js';

/**
 * Compiles and instantiates the guest.
 *
 * @param {string | URL | Response | BufferSource | WebAssembly.Module} [from]  default: `guest.wasm` of this package
 * @returns {Promise<Guest>}
 */
export async function loadGuest(from = new URL('../guest.wasm', import.meta.url)) {
  const module = await compile(from);
  const imports = WebAssembly.Module.imports(module);
  if (imports.length > 0) throw notAGuest(`it imports ${imports[0].module}.${imports[0].name}`);
  const guest = new Guest((await WebAssembly.instantiate(module, {})).exports);
  if (guest.abi < 2) throw notAGuest('it exports no abi_version: this is a v1 module, use hostFor');
  return guest;
}

/**
 * @param {string | URL | Response | BufferSource | WebAssembly.Module} from
 * @returns {Promise<WebAssembly.Module>}
 */
async function compile(from) {
  if (from instanceof WebAssembly.Module) return from;
  if (from instanceof ArrayBuffer || ArrayBuffer.isView(from)) return WebAssembly.compile(from);
  if (from instanceof URL && from.protocol === 'file:') {
    return WebAssembly.compile(await nodeFs().promises.readFile(from));
  }
  const response = from instanceof Response ? from : await fetch(from);
  if (!response.ok) {
    await response.body?.cancel();
    throw notAGuest(`the server answered ${response.status}`);
  }
  // Streaming needs the type application/wasm, without parameters; any other server is served all the same.
  const typed = response.headers.get('content-type') === 'application/wasm';
  return typed && WebAssembly.compileStreaming
    ? WebAssembly.compileStreaming(response)
    : WebAssembly.compile(await response.arrayBuffer());
}
