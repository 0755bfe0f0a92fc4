// Numbers for people.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** @param {number} bytes */
export function size(bytes) {
  let unit = 0;
  let value = bytes;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(value >= 9.995 ? 1 : 2)} ${UNITS[unit]}`;
}

/** @param {number | string} number */
export const whole = number => (typeof number === 'number' ? number.toLocaleString('en-US') : number);

/** @param {number} number */
export function rounded(number) {
  const [divisor, letter] = [[1e12, ' T'], [1e9, ' B'], [1e6, ' M'], [1e3, ' K']].find(([least]) => number >= Number(least)) ?? [1, ''];
  return `${Number((number / Number(divisor)).toPrecision(3))}${letter}`;
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.ceil(seconds))} s`;
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min`;
  return seconds < 360_000 ? `${Math.floor(seconds / 3600)} h ${Math.ceil((seconds % 3600) / 60)} min` : 'days';
}

/** @param {string} text @param {number} most */
export const cut = (text, most) => (text.length > most ? `${text.slice(0, most)}…` : text);
