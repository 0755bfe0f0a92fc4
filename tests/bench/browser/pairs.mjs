// CPU time and waits of one thing as a multiple of another's, in alternated pairs.
import { median } from '../measure.mjs';

export const COLUMNS = [
  'what', 'ratio', 'wanted', 'middle half', 'A/A', 'ratio of waits', 'their A/A', 'ms CPU', 'ms wait',
];

/** Runs `base`, a work, `base`, the next work and so on. Of each work: what it took, and `base` before and after. */
export async function alternate(base, works, rounds) {
  const pairs = new Map(Object.keys(works).map(name => [name, []]));
  await base();
  for (const work of Object.values(works)) await work();
  let before = await base();
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, run] of Object.entries(works)) {
      const work = await run();
      const after = await base();
      const both = key => (before[key] + after[key]) / 2;
      pairs
        .get(name)
        .push({
          cpu: work.cpu / both('cpu'),
          wall: work.wall / both('wall'),
          same: before.cpu / after.cpu,
          sameWall: before.wall / after.wall,
          work,
        });
      before = after;
    }
  }
  return pairs;
}

/** A row of a table, of the pairs of one work; the numbers behind it join `results`. */
export function row(results, what, wanted = '-', pairs) {
  const of = pick => median(pairs.map(pick));
  const ratio = of(({ cpu }) => cpu);
  const spread = middleHalf(pairs.map(({ cpu }) => cpu));
  const same = of(pair => pair.same);
  const waits = of(({ wall }) => wall);
  const sameWaits = of(({ sameWall }) => sameWall);
  const cpu = of(({ work }) => work.cpu);
  const wall = of(({ work }) => work.wall);
  results.push({ what, wanted, ratio, spread, same, waits, sameWaits, cpu, wall });
  const numbers = [
    spread.map(value => value.toFixed(3)).join(' to '),
    ...[same, waits, sameWaits].map(value => value.toFixed(3)),
  ];
  return [what, ratio.toFixed(3), wanted, ...numbers, ...[cpu, wall].map(seconds => (seconds * 1e3).toFixed(0))];
}

/** The range that holds the middle half. */
export function middleHalf(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return [sorted[values.length >> 2], sorted[(values.length * 3) >> 2]];
}
