// Asks llama.cpp (node-llama-cpp from npm, in any folder) for the ids of texts of many kinds, and writes tokens.json.
// node tests/tokens.mjs MODEL.gguf > tests/tokens.json, and of the vocabulary of Llama 2 to tests/tokens-llama.json
import { getLlama, LlamaLogLevel } from 'node-llama-cpp'

const texts = [
  '',
  ' ',
  '  ',
  '   ',
  '\n',
  '\n\n\n',
  '\t',
  '\t\t\t',
  ' \n ',
  '\r\n',
  '\r\n\r\n',
  '\u00a0',
  '\u3000',
  '\u200b\u200d\ufeff',
  'Hello, world!',
  ' leading',
  'trailing ',
  '  two  spaces\n\n\n\ttabs\t\t end ',
  'The capital of France is',
  'def fibonacci(n):',
  'Once upon a time',
  'Zażółć gęślą jaźń 🦙🇨🇭 日本語テキスト',
  '<b>html</b> <start_of_turn>user\nhi<end_of_turn>',
  '\u0001\u0000x\u200d\ufeff',
  '1234567890 3.14159 0xdeadbeef',
  'a'.repeat(50),
  'a'.repeat(1000),
  '▁ literal ▁▁',
  '▁',
  '▁▁▁',
  '<bos>',
  '<eos><pad><unk>',
  '<unused0>',
  '[multimodal]',
  'x[multimodal]y',
  '<start_of_image>',
  '<h1>Title</h1>\n<ul><li>one</li></ul>',
  '<table><tr><td>1</td></tr></table>',
  '<0x41>',
  '<0x0A><0xFF>',
  '\u0007\u001b[31mred\u001b[0m',
  '👩‍👩‍👧‍👦👍🏽🏳️‍🌈',
  '🇵🇱🇩🇪🇫🇷',
  '한국어 문장입니다.',
  '中文没有空格的句子。',
  'العربية من اليمين',
  'עברית',
  'हिन्दी में वाक्य',
  'ภาษาไทยไม่มีช่องว่าง',
  'Русский текст',
  'Ελληνικά',
  'Tiếng Việt có dấu',
  'İstanbul ıIiİ',
  'naïve café — “quotes” … ½ ² ³',
  'e\u0301 combining \u0301\u0301\u0301',
  'ﬁ ligature Ａｆｕｌｌｗｉｄｔｈ',
  '𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝕞𝕒𝕥𝕙',
  '\u{10ffff}\u{e000}\ufffd',
  'ǅ ᏣᎳᎩ ᚠᛇᚻ 𓀀𓁐',
  'function f(a, b) {\n    return a + b;\n}\n',
  'if x:\n\tpass\n\n\n\n\nelse:\n        pass',
  'SELECT * FROM t WHERE a = \'b\' AND c <> "d";',
  '{"key": [1, 2.5, null, true], "n": {"e": "\\u0041"}}',
  '# Title\n\n* one\n* two\n\n```rust\nfn main() {}\n```\n',
  'https://example.org/a/b?c=d&e=%20f#g',
  'user@example.org',
  '--flag=value -x /path/to/file.txt',
  'CamelCaseIdentifier snake_case_identifier kebab-case',
  'ALLCAPS AND MiXeD',
  '1+1=2, 2*3=6; 7/8 < 9^10 && !x || ~y',
  '$100.00 €50 £20 ¥1000',
  '12:34:56 2024-02-29T23:59:60Z',
  '00000000',
  '9'.repeat(40),
  '.'.repeat(30),
  '-'.repeat(77),
  '='.repeat(16),
  '!?'.repeat(9),
  ' '.repeat(31),
  ' '.repeat(32),
  ' '.repeat(70),
  '\n'.repeat(31),
  '\n'.repeat(40),
  '\t'.repeat(33),
  ' \t'.repeat(9),
  'a b  c   d    e     f',
  'end with newline\n',
  '\nstart with newline',
  'ababababababab',
  'aaaaaaaab',
  'the the the',
  'antidisestablishmentarianism',
  'Donaudampfschifffahrtsgesellschaftskapitän',
  'supercalifragilisticexpialidocious'.repeat(3),
  "It's don't won't I'll we've they'd",
  '"He said, \'No.\'"',
  '(a[b{c<d>}])',
  '\\n is not a newline \\ \\\\',
  '%s %d {} {0} ${x} #{y}',
  '\u2028\u2029\u0085',
  '\ud83d\ude00'.repeat(7),
  '☃★♞♪→⇒∑√∞≠',
  'Å Å Å',
]
const words = [
  'the',
  ' of',
  '\n',
  '  ',
  'żó',
  '🦙',
  '<b>',
  '</',
  '▁',
  '\t',
  '语',
  '0x',
  'ing',
  'A',
  '\u0000',
  '<unused1>',
  ' \n\n',
  '.',
  'ß',
  '\u0301',
]
let state = 1
const roll = (below) => (state = (state * 48271) % 2147483647) % below
for (let text = 0; text < 60; text++)
  texts.push(Array.from({ length: 1 + roll(40) }, () => words[roll(words.length)]).join(''))

/** Where scripts and signs lie: first and last character. */
const blocks = [
  [0x20, 0x7e], [0x00, 0x1f], [0x80, 0x9f], [0xa0, 0xff], [0x100, 0x24f], [0x250, 0x2ff], [0x300, 0x36f],
  [0x370, 0x3ff], [0x400, 0x4ff], [0x530, 0x58f], [0x590, 0x5ff], [0x600, 0x6ff], [0x900, 0x97f], [0x980, 0x9ff],
  [0xb80, 0xbff], [0xe00, 0xe7f], [0xe80, 0xeff], [0xf00, 0xfff], [0x1000, 0x109f], [0x10a0, 0x10ff], [0x1100, 0x11ff],
  [0x1200, 0x137f], [0x13a0, 0x13ff], [0x1780, 0x17ff], [0x1800, 0x18af], [0x1e00, 0x1eff], [0x1f00, 0x1fff],
  [0x2000, 0x206f], [0x2070, 0x20cf], [0x2100, 0x214f], [0x2190, 0x21ff], [0x2200, 0x22ff], [0x2500, 0x25ff],
  [0x2600, 0x26ff], [0x2800, 0x28ff], [0x3000, 0x303f], [0x3040, 0x30ff], [0x4e00, 0x9fff], [0xac00, 0xd7a3],
  [0xe000, 0xe0ff], [0xfb00, 0xfb4f], [0xfe00, 0xfe0f], [0xff00, 0xffef], [0x10000, 0x1007f], [0x12000, 0x120ff],
  [0x1d400, 0x1d7ff], [0x1f300, 0x1f64f], [0x1f680, 0x1f6ff], [0x1f900, 0x1f9ff], [0x20000, 0x2a6df],
  [0xe0100, 0xe01ef], [0x10ff00, 0x10ffff],
];
const character = ([first, last]) => String.fromCodePoint(first + roll(last - first + 1));
const special = ['<bos>', '<eos>', '<pad>', '<unk>', '<start_of_turn>', '<end_of_turn>', '<unused99>', '[multimodal]',
  '<0x00>', '<0xFF>', '</h1>', '<td>', '\n\n\n\n', '\r\n', '\u0000', '▁▁', 'http://', '42', '👍🏽', '!!'];
// One script with spaces, all scripts, scripts among names of tokens, one sign over and over.
for (const block of blocks)
  texts.push(Array.from({ length: 1 + roll(24) }, () => (roll(7) ? character(block) : ' ')).join(''));
for (let text = 0; text < 120; text++)
  texts.push(Array.from({ length: 1 + roll(24) }, () => character(blocks[roll(blocks.length)])).join(''));
for (let text = 0; text < 80; text++)
  texts.push(Array.from({ length: 1 + roll(24) }, () =>
    roll(2) ? special[roll(special.length)] : character(blocks[roll(blocks.length)])).join(''));
for (let text = 0; text < 40; text++) texts.push(character(blocks[roll(blocks.length)]).repeat(1 + roll(60)));

const llama = await getLlama({ gpu: false, logLevel: LlamaLogLevel.error, build: 'never' })
const model = await llama.loadModel({ modelPath: process.argv[2], vocabOnly: true })
const lines = texts.map((text) => JSON.stringify({ text, ids: [model.tokens.bos, ...model.tokenize(text)] }))
console.log(`[\n${lines.join(',\n')}\n]`)
process.exit(0)
