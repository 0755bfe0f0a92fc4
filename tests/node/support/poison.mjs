/** Makes a call trap, by leaving it too little stack: the one way a host can do so at will. */
export function poison(exports) {
  const handle = exports.begin(-1n, 1);
  const dive = () => {
    exports.report(handle);
    return dive() + 1;
  };
  for (let attempt = 0; attempt < 50; attempt++) {
    try {
      dive();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
    if (exports.position(handle) === -64n) return handle;
  }
  throw new Error('no call could be made to trap');
}
