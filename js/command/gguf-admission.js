#!/usr/bin/env node
// `npx gguf-admission check`: the guest's verdict on files, from the command line.
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { check } from './check.js';
import { EXIT, Usage } from './exit.js';
import { label } from './label.js';

const HELP = `Usage: gguf-admission check [OPTIONS] FILE... | -

Checks GGUF model files: every byte of the structure, and SHA-256, in bounded memory. - is standard input.

  --json                 one JSON object a line instead of text
  --sha256 HEX           the SHA-256 that the file must have; with one FILE only
  --sums SHA256SUMS      a list as sha256sum writes it, - is standard input: each file must have the SHA-256 that stands
                         there. Without a FILE, every file that is listed
  --blake3               compute BLAKE3; and no SHA-256, unless one is expected
  --evidence EVIDENCE    the evidence that the file must agree with, MiB by MiB; with one FILE only
  --profile llama        also hold the header to what these readers ask of a model; an error refuses the file
  --set                  each FILE is a shard, PREFIX-00001-of-00003.gguf: check all of its set, and that they belong
                         together
  --header-only          read no further than the header: no digest, and nothing is said of the data
  --help, --version

Exit code: 0 all is well, 1 a file was refused, 2 the command line is wrong, 3 a file could not be read, or the
output not written; the highest that applies.
`;

const OPTIONS = /** @type {const} */ ({
  json: { type: 'boolean' },
  sha256: { type: 'string' },
  sums: { type: 'string' },
  blake3: { type: 'boolean' },
  evidence: { type: 'string' },
  profile: { type: 'string' },
  set: { type: 'boolean' },
  'header-only': { type: 'boolean' },
  help: { type: 'boolean' },
  version: { type: 'boolean' },
});

/** @type {Error | undefined} */ let unwritten;
// Whoever reads the output may go away before the end, as `head` does: the exit code still tells. A disk that is full
// is another thing: a program that reads the list later would take it for whole.
process.stdout.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
  if (error.code === 'EPIPE') return;
  if (!unwritten) process.stderr.write(`gguf-admission: standard output: ${error.message}\n`);
  unwritten = error;
  process.exitCode = EXIT.unread;
});

const exit = await run(process.argv.slice(2));
process.exitCode = unwritten ? EXIT.unread : exit;

/** @param {string[]} args */
async function run(args) {
  try {
    const { values, positionals } = parsed(args);
    if (values.help) return say(HELP);
    if (values.version) {
      const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
      return say(`gguf-admission ${JSON.parse(text).version}\n`);
    }
    const [command, ...files] = positionals;
    if (command === undefined) throw new Usage('a command is missing: check FILE...');
    if (command !== 'check') throw new Usage(`there is no command ${label(command)}: the only one is check`);
    return await check(files, values);
  } catch (error) {
    if (!(error instanceof Usage)) throw error;
    process.stderr.write(`gguf-admission: ${error.message}\nSee gguf-admission --help.\n`);
    return EXIT.usage;
  }
}

/** @param {string[]} args */
function parsed(args) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new Usage(error instanceof Error ? error.message : String(error));
  }
}

/** @param {string} text */
function say(text) {
  process.stdout.write(text);
  return EXIT.good;
}
