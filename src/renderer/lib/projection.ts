/** Where a place on Earth stands on the map: degrees become tenths of a degree, north up. */

/** The map leaves out the Antarctic and the last ice of the north: no land worth a pin's room. */
export const north = 84;
export const south = -58;
export const mapWidth = 3600;
export const mapHeight = (north - south) * 10;

export interface Point {
  x: number;
  y: number;
}

/** Also what lies beyond the map's edges is given a place on its border, so that a pin is never lost. */
export function project(longitude: number, latitude: number): Point {
  const around = ((((longitude + 180) % 360) + 360) % 360) * 10;
  const x = longitude === 180 ? mapWidth : around;
  return { x, y: (north - Math.min(north, Math.max(south, latitude))) * 10 };
}

/** The part of the map around a point, `times` as large, never reaching over the edge. */
export function windowAround(
  point: Point,
  times: number,
): { x: number; y: number; width: number; height: number } {
  const width = mapWidth / times;
  const height = mapHeight / times;
  const within = (value: number, most: number): number => Math.min(Math.max(0, value), most);
  return {
    x: within(point.x - width / 2, mapWidth - width),
    y: within(point.y - height / 2, mapHeight - height),
    width,
    height,
  };
}

/** Degrees as people write them: 48.85840° N, 2.29450° E. */
export function coordinates(latitude: number, longitude: number, digits = 5): string {
  const part = (value: number, signs: string): string =>
    `${Math.abs(value).toFixed(digits)}° ${signs[value < 0 ? 1 : 0] ?? ''}`;
  return `${part(latitude, 'NS')}, ${part(longitude, 'EW')}`;
}

/** The place on OpenStreetMap, which is asked only when a person follows the link. */
export function openStreetMap(latitude: number, longitude: number): string {
  const at = `${latitude.toFixed(5)}/${longitude.toFixed(5)}`;
  return `https://www.openstreetmap.org/?mlat=${latitude.toFixed(5)}&mlon=${longitude.toFixed(5)}#map=14/${at}`;
}
