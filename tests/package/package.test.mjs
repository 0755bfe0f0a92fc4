// What `npm pack` makes: it holds what a user needs and nothing else, and works in a fresh project.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { join } from 'node:path';
import { gguf } from '../../js/test/support/gguf.js';
import { shards } from '../../js/test/support/shards.js';
import { JS, Project, exampleOf, shell, whyNot } from './project.mjs';

const MIB = 1024 * 1024;
const skip = whyNot ?? false;
/** @type {Project} */ let project;

if (!whyNot) {
  before(async () => {
    project = await Project.create();
  });
  after(() => project?.remove());
}

test(
  'the tarball holds the module, the code, its types, the licences and the README, and nothing else',
  { skip },
  () => {
    const names = project.files.map(({ path }) => path);
    for (const name of [
      'guest.wasm',
      'index.js',
      'types/index.d.ts',
      'v1.js',
      'types/v1.d.ts',
      'worker/entry.js',
      'LICENSE-APACHE',
      'LICENSE-MIT',
      'README.md',
      'package.json',
    ]) {
      assert.ok(names.includes(name), `${name} is missing`);
    }
    // Every module of the package, whatever its room, and the types of each. Nobody imports the command.
    const modules = readdirSync(JS, { recursive: true })
      .filter(name => name.endsWith('.js') && !/^(demo|test|types|node_modules)\//.test(name));
    const typesOf = (/** @type {string} */ name) =>
      name.startsWith('command/') ? [] : [join('types', name.replace(/js$/, 'd.ts'))];
    const wanted = modules.flatMap(name => [name, ...typesOf(name)]);
    assert.deepEqual(wanted.filter(name => !names.includes(name)), [], 'missing');
    const rest = /^(package\.json|README\.md|LICENSE-(APACHE|MIT)|guest\.wasm)$/;
    const strangers = names.filter(name => !rest.test(name) && !wanted.includes(name));
    assert.deepEqual(strangers, []);
    assert.deepEqual(
      project.files.filter(({ path, size }) => size > (path === 'guest.wasm' ? MIB : 64 * 1024)),
      [],
      'too large',
    );
  },
);

test('packing leaves nothing in the folder', { skip }, () => {
  assert.deepEqual(readdirSync(JS).filter(name => name.startsWith('LICENSE') || name.endsWith('.tgz')), []);
});

test('the installed package depends on nothing', { skip }, () => {
  assert.deepEqual(
    readdirSync(join(project.folder, 'node_modules')).filter(name => !name.startsWith('.')),
    ['gguf-admission'],
  );
});

test("the README's first example runs in Node", { skip }, async () => {
  const model = await project.write(
    'model.gguf',
    gguf({ metadata: { 'general.architecture': 'fresh' }, tensors: [{ name: 'a.weight', bytes: 300 }] }),
  );
  await project.write('example.js', await exampleOf('onProgress'));
  const said = await shell(process.execPath, ['example.js', model], project.folder);
  assert.match(said, /\d+ of \d+\nfresh [0-9a-f]{64}\na\.weight 300\n/);
});

test('its command checks a file, as npx starts it', { skip }, async () => {
  const bytes = gguf({ metadata: { 'general.architecture': 'fresh' }, tensors: [{ bytes: 300 }] });
  const model = await project.write('model.gguf', bytes);
  const said = await shell('npx', ['--no-install', 'gguf-admission', 'check', '--json', model], project.folder);
  const { verdict, architecture, length } = JSON.parse(said);
  assert.deepEqual([verdict, architecture, length], ['admitted', 'fresh', bytes.length]);
  const bad = await project.write('bad.gguf', Buffer.from('GGUX'));
  await assert.rejects(shell('npx', ['--no-install', 'gguf-admission', 'check', bad], project.folder), /BAD/);
});

test('its example of a header runs in Node', { skip }, async () => {
  const metadata = { 'general.architecture': 'fresh', 'tokenizer.ggml.tokens': ['a', 'b', 'c'] };
  const model = await project.write('model.gguf', gguf({ metadata, tensors: [{ bytes: 300 }, { bytes: 5 }] }));
  await project.write('header.js', await exampleOf('readHeader'));
  assert.equal(await shell(process.execPath, ['header.js', model], project.folder), '2 tensors\n3 tokens\n');
});

test("the README's example with tensors runs in Node", { skip }, async () => {
  const tensors = [{ name: 'a.weight', bytes: 300 }, { name: 'none', bytes: 0 }];
  const model = await project.write('tensors.gguf', gguf({ tensors }));
  await project.write('tensors.js', await exampleOf('tensorTee'));
  const said = await shell(process.execPath, ['tensors.js', model], project.folder);
  assert.equal(said, '2 tensors\n0 a.weight I8 [ 300 ] 300\n1 none I8 [ 0 ] 0\nadmitted\n');
});

test('its examples of a set and of evidence run in Node', { skip }, async () => {
  const paths = await Promise.all(
    shards(3).map((file, no) => project.write(`set-0000${no + 1}-of-00003.gguf`, file)),
  );
  await project.write('set.js', await exampleOf('shardsOf'));
  const said = await shell(process.execPath, ['set.js', paths[1]], project.folder);
  assert.match(said, /^3 shards with 3 tensors: \[(\s+'[0-9a-f]{64}',?){3}\s+\]\n200000 bytes in shard 0\n$/);
  const model = await project.write('evidence.gguf', gguf({ tensors: [{ bytes: 2 * MIB }] }));
  await project.write('evidence.js', await exampleOf('checkGroup'));
  assert.equal(await shell(process.execPath, ['evidence.js', model], project.folder), '96 true\n');
});

test('both entries can be imported, and a file that is not exported cannot', { skip }, async () => {
  await project.write('entries.js', `
    import * as all from 'gguf-admission';
    import { TRANSFER_CEILING } from 'gguf-admission/v1';
    import { existsSync } from 'node:fs';
    const hidden = await import('gguf-admission/settings.js').catch(error => error.code);
    const paths = ['gguf-admission/guest.wasm', 'gguf-admission/worker/entry.js'];
    const isThere = paths.every(path => existsSync(new URL(import.meta.resolve(path))));
    console.log(JSON.stringify([Object.keys(all).sort(), TRANSFER_CEILING, isThere, hidden]));
  `,
  );
  const [names, ceiling, isThere, hidden] = JSON.parse(await shell(process.execPath, ['entries.js'], project.folder));
  for (const name of [
    'admit',
    'loadGuest',
    'loadGuestWorker',
    'hostFor',
    'Admission',
    'AdmissionError',
    'opfsTee',
    'tensorTee',
    'gpuTee',
    'admitStored',
  ])
    assert.ok(names.includes(name), name);
  assert.deepEqual([ceiling, isThere, hidden], [134_217_728, true, 'ERR_PACKAGE_PATH_NOT_EXPORTED']);
});

test('a strict TypeScript project type-checks against it, and its mistakes are found', { skip }, async () => {
  const config = (/** @type {object} */ options) =>
    JSON.stringify({
      compilerOptions: {
        target: 'es2022',
        strict: true,
        noEmit: true,
        skipLibCheck: false,
        noUncheckedIndexedAccess: true,
        noImplicitOverride: true,
        lib: ['es2023', 'dom', 'dom.iterable', 'dom.asynciterable'],
        types: [],
        ...options,
      },
      files: ['use.ts'],
    });
  const use = `
    import { admit, AdmissionError, Header, hostFor, loadGuest, loadGuestWorker, opfsTee } from 'gguf-admission';
    import { gpuTee, readHeader, tensorTee } from 'gguf-admission';
    import type { AdmitOptions, AdmittedModel, Algorithm, Entry, ErrorCode, FileReport } from 'gguf-admission';
    import type { GpuOptions, PassingTensor, TensorCalls } from 'gguf-admission';
    import type { Kind, Model, OnHeader, Report, Tee, Tensor } from 'gguf-admission';
    import { allocCopy, TRANSFER_CEILING } from 'gguf-admission/v1';

    const tee: Tee = { write: (bytes: Uint8Array, offset: number) => void (bytes.length + offset) };
    const onHeader = (report: Report) => report.memory.needed;
    const tees = [tee, opfsTee('a')];
    const options: AdmitOptions = { sink: 'resident', tee: tees, limits: { memory: 2 ** 31 }, onHeader };
    export async function use(file: File, exports: WebAssembly.Exports): Promise<string | undefined> {
      const guest = await loadGuest();
      try {
        const model: Model = await admit(guest, file, {
          ...options,
          onProgress: ({ bytes, total }) => bytes / (total ?? 1),
        });
        const bytes: Uint8Array | undefined = model.tensor('output.weight');
        return bytes && model.report.digests.sha256;
      } catch (error) {
        if (error instanceof AdmissionError) {
          return \`\${error.code} \${error.kind} \${error.offset ?? 0} \${error.path ?? ''}\`;
        }
        throw error;
      }
    }
    export const remote = async (url: URL) => (await (await loadGuestWorker()).admit(url)).report.length;
    export const host = (exports: WebAssembly.Exports) => hostFor(exports).load(new Blob([]));
    export async function either(model: AdmittedModel) {
      const sha256: string | undefined = model.report.digests.sha256;
      return [sha256, await model.metadata('general.name'), (await model.tensor(0))?.length, await model.release()];
    }
    export const both = async (file: File) => [
      await either(await admit(await loadGuest(), file)),
      await either(await (await loadGuestWorker()).admit(file)),
    ];
    export async function header(url: string) {
      const found: Header = await readHeader(await loadGuest(), url, { stallTimeout: 5000, limits: { tensors: 10 } });
      const tensors: readonly Tensor[] = found.report.tensors;
      const entries: readonly Entry[] = found.report.metadata;
      found[Symbol.dispose]();
      return [tensors.length, entries.length];
    }
    const algorithms: readonly Algorithm[] = ['sha256', 'blake3'];
    const look: OnHeader = async (report, whole) => void (await whole.metadata('tokenizer.chat_template'), report);
    const stored = (report: FileReport) => report.digests.blake3 ?? algorithms.length;
    export function advice(error: AdmissionError): [Kind, unknown] {
      const code: ErrorCode = error.code;
      switch (code) {
        case 'layout': case 'html': case 'one of tomorrow': return [error.kind, look];
        default: return ['retry', stored];
      }
    }
    const calls: TensorCalls = { write: (bytes, offset) => bytes.length + offset, tensor: ({ dims }) => dims };
    export async function weights(device: GPUDevice, options: GpuOptions): Promise<GPUBuffer | undefined> {
      const sizes = new Map<string, number>();
      const whole = ({ name, index, bytes }: PassingTensor) => sizes.set(name, index + bytes);
      const gpu = gpuTee(device, options);
      await admit(await loadGuest(), 'x', { tee: [gpu, tensorTee(calls), tensorTee({ ...calls, whole })] });
      return gpu.buffers.get('token_embd.weight');
    }
    export const old = (exports: WebAssembly.Exports) => allocCopy(exports, new Uint8Array(1)).ptr + TRANSFER_CEILING;
  `;
  const tsc = () => shell(process.execPath, [join(JS, 'node_modules/typescript/bin/tsc')], project.folder);
  for (const options of [{ module: 'nodenext' }, { module: 'esnext', moduleResolution: 'bundler' }]) {
    await project.write('tsconfig.json', config(options));
    await project.write('use.ts', use);
    await tsc();
    await project.write(
      'use.ts',
      `${use.replace("sink: 'resident'", "sink: 'everything'")}
      export const wrong: number = (await loadGuest()).view;\n`,
    );
    await assert.rejects(tsc(), /everything[\s\S]*wrong|TS2322[\s\S]*TS2322/);
  }
});
