import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { countryCentroid, type LatLon, nearestRegion, type Region } from 'meridian/sharding';
import { z } from 'zod';

const latitude = z.coerce.number().min(-90).max(90);
const longitude = z.coerce.number().min(-180).max(180);
const location = z
  .string()
  .transform((text): unknown => text.split(','))
  .pipe(z.tuple([latitude, longitude]));

/** The region that a request is served in: by where its edge says that it is, else by its user's country. */
export function regionFinder(regions: readonly Region[], home: string, edgeKey: string) {
  const isEdge = (given: unknown) => {
    const [a, b] = [Buffer.from(String(given)), Buffer.from(edgeKey)];
    return a.length === b.length && timingSafeEqual(a, b);
  };
  const placeOf = ({ headers }: FastifyRequest, country: string): LatLon | undefined => {
    if (!isEdge(headers['x-edge-key'])) return countryCentroid(country);
    const { data } = location.safeParse(headers['x-edge-location']);
    return data ?? countryCentroid(String(headers['x-edge-country'] ?? country));
  };
  return (request: FastifyRequest, country = ''): string => {
    const place = placeOf(request, country);
    return place === undefined ? home : nearestRegion(place, regions).name;
  };
}
