// Writes a file whose logits `reference.py` computes: node tests/write-tiny.mjs stretched|grouped|llama TINY.gguf
import { writeFileSync } from 'node:fs';
import { exact } from './tiny.mjs';

const [name, path] = process.argv.slice(2);
writeFileSync(path, exact[name]());
