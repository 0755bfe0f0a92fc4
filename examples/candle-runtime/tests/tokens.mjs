// Asks llama.cpp (node-llama-cpp from npm, in any folder) for the ids of texts of many kinds, and writes tokens.json.
// node tests/tokens.mjs MODEL.gguf > tests/tokens.json
import { getLlama, LlamaLogLevel } from 'node-llama-cpp'

const texts = [
  '', ' ', '  ', '   ', '\n', '\n\n\n', '\t', '\t\t\t', ' \n ', '\r\n', '\r\n\r\n', '\u00a0', '\u3000', '\u200b\u200d\ufeff',
  'Hello, world!', ' leading', 'trailing ', '  two  spaces\n\n\n\ttabs\t\t end ', 'The capital of France is', 'def fibonacci(n):',
  'Once upon a time', 'Zażółć gęślą jaźń 🦙🇨🇭 日本語テキスト', '<b>html</b> <start_of_turn>user\nhi<end_of_turn>', '\u0001\u0000x\u200d\ufeff',
  '1234567890 3.14159 0xdeadbeef', 'a'.repeat(50), 'a'.repeat(1000), '▁ literal ▁▁', '▁', '▁▁▁', '<bos>', '<eos><pad><unk>', '<unused0>',
  '[multimodal]', 'x[multimodal]y', '<start_of_image>', '<h1>Title</h1>\n<ul><li>one</li></ul>', '<table><tr><td>1</td></tr></table>',
  '<0x41>', '<0x0A><0xFF>', '\u0007\u001b[31mred\u001b[0m', '👩‍👩‍👧‍👦👍🏽🏳️‍🌈', '🇵🇱🇩🇪🇫🇷', '한국어 문장입니다.', '中文没有空格的句子。', 'العربية من اليمين', 'עברית',
  'हिन्दी में वाक्य', 'ภาษาไทยไม่มีช่องว่าง', 'Русский текст', 'Ελληνικά', 'Tiếng Việt có dấu', 'İstanbul ıIiİ', 'naïve café — “quotes” … ½ ² ³', 'e\u0301 combining \u0301\u0301\u0301',
  'ﬁ ligature Ａｆｕｌｌｗｉｄｔｈ', '𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝕞𝕒𝕥𝕙', '\u{10ffff}\u{e000}\ufffd', 'ǅ ᏣᎳᎩ ᚠᛇᚻ 𓀀𓁐', 'function f(a, b) {\n    return a + b;\n}\n', 'if x:\n\tpass\n\n\n\n\nelse:\n        pass',
  'SELECT * FROM t WHERE a = \'b\' AND c <> "d";', '{"key": [1, 2.5, null, true], "n": {"e": "\\u0041"}}', '# Title\n\n* one\n* two\n\n```rust\nfn main() {}\n```\n',
  'https://example.org/a/b?c=d&e=%20f#g', 'user@example.org', '--flag=value -x /path/to/file.txt', 'CamelCaseIdentifier snake_case_identifier kebab-case', 'ALLCAPS AND MiXeD',
  '1+1=2, 2*3=6; 7/8 < 9^10 && !x || ~y', '$100.00 €50 £20 ¥1000', '12:34:56 2024-02-29T23:59:60Z', '00000000', '9'.repeat(40), '.'.repeat(30), '-'.repeat(77), '='.repeat(16), '!?'.repeat(9),
  ' '.repeat(31), ' '.repeat(32), ' '.repeat(70), '\n'.repeat(31), '\n'.repeat(40), '\t'.repeat(33), ' \t'.repeat(9), 'a b  c   d    e     f', 'end with newline\n', '\nstart with newline',
  'ababababababab', 'aaaaaaaab', 'the the the', 'antidisestablishmentarianism', 'Donaudampfschifffahrtsgesellschaftskapitän', 'supercalifragilisticexpialidocious'.repeat(3),
  'It\'s don\'t won\'t I\'ll we\'ve they\'d', '"He said, \'No.\'"', '(a[b{c<d>}])', '\\n is not a newline \\ \\\\', '%s %d {} {0} ${x} #{y}', '\u2028\u2029\u0085', '\ud83d\ude00'.repeat(7), '☃★♞♪→⇒∑√∞≠', 'Å Å Å',
]
const words = ['the', ' of', '\n', '  ', 'żó', '🦙', '<b>', '</', '▁', '\t', '语', '0x', 'ing', 'A', '\u0000', '<unused1>', ' \n\n', '.', 'ß', '\u0301']
let state = 1
const roll = (below) => (state = (state * 48271) % 2147483647) % below
for (let text = 0; text < 60; text++) texts.push(Array.from({ length: 1 + roll(40) }, () => words[roll(words.length)]).join(''))

const llama = await getLlama({ gpu: false, logLevel: LlamaLogLevel.error, build: 'never' })
const model = await llama.loadModel({ modelPath: process.argv[2], vocabOnly: true })
const lines = texts.map((text) => JSON.stringify({ text, ids: [2, ...model.tokenize(text)] }))
console.log(`[\n${lines.join(',\n')}\n]`)
process.exit(0)
