// Numbers for people.

/** Between a number and its unit: no line ends there. */
export const NBSP = '\u00a0';
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
/** @type {[least: number, letter: string][]} */
const SCALES = [[1e12, 'T'], [1e9, 'B'], [1e6, 'M'], [1e3, 'K']];

/** @param {number} bytes */
export function size(bytes) {
  let unit = 0;
  let value = bytes;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(value >= 9.995 ? 1 : 2);
  return `${digits}${NBSP}${UNITS[unit]}`;
}

/** @param {number | string} number */
export const whole = number => (typeof number === 'number' ? number.toLocaleString('en-US') : number);

/**
 * A message as a sentence of this page: it begins with a capital, and numbers have commas. What is quoted is somebody
 * else's, and stays.
 *
 * @param {string} message
 */
export function sentence(message) {
  const parts = message.split(/("(?:[^"\\]|\\.)*"|https?:\/\/\S*|\b0x[0-9a-f]+\b)/i);
  const withCommas = (/** @type {string} */ part) => part.replace(/\b\d{4,15}\b/g, found => whole(Number(found)));
  const text = parts.map((part, index) => (index % 2 ? part : withCommas(part)));
  return text.join('').replace(/^[a-z]/, first => first.toUpperCase());
}

/** @param {number} number */
export function rounded(number) {
  const value = Number(number.toPrecision(3));
  const scale = SCALES.find(([least]) => value >= least);
  return scale ? `${value / scale[0]}${NBSP}${scale[1]}` : String(value);
}

/** @param {number} seconds */
export function duration(seconds) {
  const whole = Math.max(1, Math.ceil(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.ceil(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  return minutes < 6000 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : 'days';
}

/** @param {string} text @param {number} most */
export const cut = (text, most) => (text.length > most ? `${text.slice(0, most)}…` : text);
