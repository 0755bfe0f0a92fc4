// Writes the file whose logits `reference.py` computes: node tests/write-tiny.mjs TINY.gguf
import { writeFileSync } from 'node:fs';
import { stretched } from './tiny.mjs';

writeFileSync(process.argv[2], stretched());
