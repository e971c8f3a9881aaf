const EARTH_RADIUS_KM = 6371;

type Point = readonly [latitude: number, longitude: number];

/** Kilometres between two points: the angle between their vectors, so not the way the product takes. */
export function kilometres(a: Point, b: Point): number {
  const [p, q] = [vector(a), vector(b)];
  const chord = Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, chord / 2));
}

function vector([latitude, longitude]: Point): readonly [number, number, number] {
  const [lat, lon] = [(latitude * Math.PI) / 180, (longitude * Math.PI) / 180];
  return [Math.cos(lat) * Math.cos(lon), Math.cos(lat) * Math.sin(lon), Math.sin(lat)];
}
