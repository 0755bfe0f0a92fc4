// Texts with one hash: the low 51 bits of their FNV-1a, from which a place in a table of tokens is taken, are the same.
// Behind each pair of words the hash is the same, whichever is taken, so that n pairs make 2^n texts. The pairs were
// found by following the hash of the hash until it met itself.
const PAIRS = `
  hO7wptiYB dA-sk9PyG   Fislmm4fG H9JakowCG   imSnMenRH jpAKL63NH   zJiv-dMZA g-Coau0DD
  Gj4-NYUVB S0zrLaK6C   kifueKuUA 9OKd-3-jB   IA0ErvkRG 1-O0XCyzD   azHoinl5D 17dQRzTsH
  ew09IxVsC PR5J9YigE   mDvGTwniB 5uuEyyZIG   JuWZmfb9G CstXMgm9A   MbBFKQSyA Dax9z2tYA
  iqxlyIOWF INmrHjohE   SlJ4_GaDB tTjBiXrtC   dMLOwC1ZF 2o8kQZdAC   f_2UiSMSH 1yYM0uecE
`.trim().split(/\s+/);

/** So many texts with one hash, 65,536 at most. @param {number} count */
export const collisions = count =>
  Array.from({ length: count }, (_, text) =>
    Array.from({ length: PAIRS.length / 2 }, (_, pair) => PAIRS[2 * pair + ((text >> pair) & 1)]).join(''));
