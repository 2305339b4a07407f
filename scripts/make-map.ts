/** Draws the land of Natural Earth (1:110m, public domain) as one SVG path for the page: `node scripts/make-map.ts`. */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { feature } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import { mapWidth, project, south } from '../src/renderer/lib/projection.ts';

type Ring = readonly (readonly number[])[];
type Land = Topology<{ land: GeometryCollection }>;

const source = fileURLToPath(import.meta.resolve('world-atlas/land-110m.json'));
const out = new URL('../src/renderer/lib/land.ts', import.meta.url);

function polygons(topology: Land): Ring[][] {
  return feature(topology, topology.objects.land).features.flatMap(({ geometry }): Ring[][] => {
    if (geometry.type === 'Polygon') return [geometry.coordinates];
    return geometry.type === 'MultiPolygon' ? geometry.coordinates : [];
  });
}

/** A ring in whole tenths of a degree, going on where it crosses the map's edge instead of jumping to the other side. */
function unrolled(ring: Ring): [number, number][] {
  let before = 0;
  return ring.map(([longitude = 0, latitude = 0], at) => {
    const { x, y } = project(longitude, latitude);
    let around = Math.round(x);
    if (at > 0) around += Math.round((before - around) / mapWidth) * mapWidth;
    before = around;
    return [around, Math.round(y)];
  });
}

/** Each point as steps from the one before, which is the shortest form there is. */
function path(points: readonly [number, number][]): string {
  const steps = points.slice(1).map(([x, y], at) => [x - (points[at]?.[0] ?? 0), y - (points[at]?.[1] ?? 0)]);
  const drawn = steps.filter(([dx, dy]) => dx !== 0 || dy !== 0).slice(0, -1);
  if (drawn.length < 2) return '';
  return `M${points[0]?.join(' ') ?? ''}l${drawn.map((step) => step.join(' ')).join(' ')}z`.replace(
    / -/g,
    '-',
  );
}

/** What reaches over one edge of the map is there at the other edge too. */
function paths(ring: Ring): string[] {
  const points = unrolled(ring);
  const shifts = [0, mapWidth, -mapWidth].filter((shift) =>
    points.some(([x]) => x + shift > 0 && x + shift < mapWidth),
  );
  return shifts.map((shift) => path(points.map(([x, y]) => [x + shift, y])));
}

const topology = JSON.parse(await readFile(source, 'utf8')) as Land;
const land = polygons(topology)
  .filter((rings) => rings.some((ring) => ring.some(([, latitude = 0]) => latitude > south)))
  .flatMap((rings) => rings.flatMap(paths))
  .join('');
await writeFile(
  out,
  `/** All land, made by scripts/make-map.ts from Natural Earth 1:110m, which is in the public domain. */\nexport const land =\n  '${land}';\n`,
);
console.log(`${(land.length / 1024).toFixed(1)} KB in ${fileURLToPath(out)}`);
