// Admits GGUF files from disk: `node admit.mjs FILE...`. One line a file; exit code 1 if one was refused.
import { AdmissionError, admit, loadGuest } from 'gguf-admission';

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error('usage: node admit.mjs FILE...');
  process.exit(2);
}

const guest = await loadGuest();
for (const path of files) {
  try {
    const model = await admit(guest, { path }, {
      // The header is known, and nothing of the tensors was read yet. A throw refuses the file.
      onHeader({ tensors }) {
        if (tensors.length === 0) console.error(`${path}: a vocabulary, without tensors`);
      },
    });
    const { length, tensors, digests } = model.report;
    console.log(`${path}: admitted, ${length} bytes, ${tensors.length} tensors, sha256 ${digests.sha256}`);
    // With { sink: 'resident' } the tensors would be kept too: model.tensor(name).
    model.release();
  } catch (error) {
    if (!(error instanceof AdmissionError)) throw error;
    const { code, path: field, offset, message } = error;
    const where = `${field && field !== code ? ` in ${field}` : ''}${offset === null ? '' : ` at byte ${offset}`}`;
    console.log(`${path}: ${code}${where}: ${message}`);
    process.exitCode = 1;
  }
}
