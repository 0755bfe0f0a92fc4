// How things are measured here: in one process, in alternated pairs, in CPU time, as the median of the pairs' ratios,
// with the ratio of the same work to itself beside it. A machine that is shared gives no better number than that last
// one.

/** CPU seconds that this process has used. */
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** @param {() => void} work */
export function seconds(work) {
  const start = cpu();
  work();
  return cpu() - start;
}

/** @param {number[]} values */
export const median = values => [...values].sort((a, b) => a - b)[values.length >> 1];

/** The range that holds the middle half. @param {number[]} values */
const middleHalf = values => {
  const sorted = [...values].sort((a, b) => a - b);
  return [sorted[values.length >> 2], sorted[(values.length * 3) >> 2]];
};

/**
 * The time of `work` as a multiple of the time of `base`.
 *
 * @param {() => void} work
 * @param {() => void} base
 * @param {number} pairs
 */
export function ratio(work, base, pairs) {
  work();
  base();
  const ratios = [];
  const same = [];
  const times = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    const before = seconds(base);
    const time = seconds(work);
    const after = seconds(base);
    ratios.push((2 * time) / (before + after));
    same.push(before / after);
    times.push(time);
  }
  return { ratio: median(ratios), spread: middleHalf(ratios), same: median(same), seconds: median(times), pairs };
}

/** @param {string[]} columns @param {(string | number)[][]} rows */
export function printTable(columns, rows) {
  const widths = columns.map((name, column) => Math.max(name.length, ...rows.map(row => String(row[column]).length)));
  const line = cells =>
    console.log(`| ${cells.map((cell, column) => String(cell).padEnd(widths[column])).join(' | ')} |`);
  line(columns);
  line(widths.map(width => '-'.repeat(width)));
  rows.forEach(line);
  console.log();
}
