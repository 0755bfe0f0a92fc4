// The golden lists of the package; run by itself, this file writes them anew.
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { pathOf } from './repository.js';
import { errorCodes, surfaceOfTypes } from './surface.js';

/** @type {Readonly<Record<string, () => string>>} */
export const GOLDEN = {
  'tests/golden/package-types.txt': surfaceOfTypes,
  'tests/golden/package-codes.txt': errorCodes,
};

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const [file, found] of Object.entries(GOLDEN)) {
    writeFileSync(pathOf(file), found());
    console.log(`${file}: written`);
  }
}
