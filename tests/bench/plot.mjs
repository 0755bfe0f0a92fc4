// Peak guest memory against file size, as an SVG with both axes logarithmic.

const WIDTH = 640;
const HEIGHT = 360;
const LEFT = 72;
const RIGHT = 120;
const TOP = 24;
const BOTTOM = 48;
const LINES = { v1: ['#c2410c', 'v1'], resident: ['#1d4ed8', 'v2 resident'], verify: ['#15803d', 'v2 verify'] };

/**
 * @param {{ way: string, mebibytes: number, guest: number }[]} rows
 * @returns {string}
 */
export function plot(rows) {
  const sizes = [...new Set(rows.map(row => row.mebibytes))].sort((a, b) => a - b);
  const [least, most] = [Math.log2(sizes[0]), Math.log2(sizes.at(-1))];
  const top = Math.ceil(Math.log2(Math.max(...rows.map(row => row.guest / 2 ** 20))));
  const x = mebibytes => LEFT + ((Math.log2(mebibytes) - least) / (most - least)) * (WIDTH - LEFT - RIGHT);
  const y = mebibytes => HEIGHT - BOTTOM - (Math.log2(mebibytes) / top) * (HEIGHT - TOP - BOTTOM);
  const label = mebibytes => (mebibytes >= 1024 ? `${+(mebibytes / 1024).toFixed(1)} GiB` : `${mebibytes} MiB`);
  const parts = [];
  for (let power = 0; power <= top; power += 2) {
    const at = y(2 ** power).toFixed(1);
    parts.push(
      `<path class="grid" d="M${LEFT} ${at}H${WIDTH - RIGHT}"/>` +
        `<text x="${LEFT - 8}" y="${at}" dy="4" text-anchor="end">${label(2 ** power)}</text>`,
    );
  }
  for (const size of sizes.filter((_, index) => index % 2 === 0)) {
    parts.push(
      `<text x="${x(size).toFixed(1)}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${label(size)}</text>`,
    );
  }
  const ends = [];
  for (const [way, [colour, name]] of Object.entries(LINES)) {
    const points = rows.filter(row => row.way === way).sort((a, b) => a.mebibytes - b.mebibytes);
    if (points.length === 0) continue;
    const place = points.map(row => `${x(row.mebibytes).toFixed(1)} ${y(row.guest / 2 ** 20).toFixed(1)}`);
    parts.push(`<path d="M${place.join('L')}" fill="none" stroke="${colour}" stroke-width="2.5"/>`);
    parts.push(
      ...place.map(
        point => `<circle cx="${point.split(' ')[0]}" cy="${point.split(' ')[1]}" r="3.5" fill="${colour}"/>`,
      ),
    );
    const last = points.at(-1);
    let at = y(last.guest / 2 ** 20);
    while (ends.some(end => Math.abs(end - at) < 14)) at -= 14;
    ends.push(at);
    parts.push(
      `<text x="${(x(last.mebibytes) + 8).toFixed(1)}" y="${at.toFixed(1)}" dy="4" fill="${colour}">${name}</text>`,
    );
  }
  const font = 'font-family="system-ui, sans-serif" font-size="12" fill="#374151"';
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" ${font}>
<title>Peak guest memory against file size</title>
<style>.grid{stroke:#d1d5db;stroke-width:1}</style>
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
${parts.join('\n')}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">file size</text>
<text x="8" y="14">peak guest memory</text>
</svg>
`;
}
