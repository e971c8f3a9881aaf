import type { FastifyRequest } from 'fastify';
import { countryCentroid, type LatLon, nearestRegion, type Region } from 'meridian/sharding';
import { z } from 'zod';
import { isSecret } from '../platform/secret.ts';

const latitude = z.coerce.number().min(-90).max(90);
const longitude = z.coerce.number().min(-180).max(180);
const location = z.preprocess((text) => String(text).split(','), z.tuple([latitude, longitude]));

/** The region that a request is served in: by where its edge says that it is, else by its user's country. */
export function regionFinder(regions: readonly Region[], home: string, edgeKey: string) {
  const placeOf = ({ headers }: FastifyRequest, country: string): LatLon | undefined => {
    if (!isSecret(headers['x-edge-key'], edgeKey)) return countryCentroid(country);
    const { data } = location.safeParse(headers['x-edge-location']);
    return data ?? countryCentroid(String(headers['x-edge-country'] ?? country));
  };
  return (request: FastifyRequest, country = ''): string => {
    const place = placeOf(request, country);
    return place === undefined ? home : nearestRegion(place, regions).name;
  };
}
