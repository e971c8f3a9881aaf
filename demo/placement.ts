import { asAdmin, type User } from './tables.ts';
import { type Cluster, ledgerShards, peopleShards, regions, type ShardName } from './topology.ts';

export type RowCounts = Readonly<Record<ShardName, number>>;

/** Counts the rows of every shard, past Meridian. */
export async function countRows({ shards }: Cluster): Promise<RowCounts> {
  const counts: Partial<Record<ShardName, number>> = {};
  const count = (table: string) => async (name: ShardName) => {
    counts[name] = await asAdmin(shards[name].primary, async (connection) => {
      const [rows] = await connection.query(`SELECT COUNT(*) AS total FROM ${table}`);
      return Array.isArray(rows) ? Number(Reflect.get(rows[0] ?? {}, 'total')) : Number.NaN;
    });
  };
  await Promise.all([
    ...peopleShards.map(count('users')),
    ...ledgerShards.map(count('transactions')),
  ]);
  return counts as RowCounts;
}

/** Of the fullest shard, in shards of equal size: 1.00 is perfect. */
export function skew(counts: readonly number[]): number {
  return (Math.max(...counts) * counts.length) / counts.reduce((sum, one) => sum + one, 0);
}

export function isListed({ country }: Pick<User, 'country'>): boolean {
  return Object.values(regions).some(({ countries }) => countries.includes(country));
}

/** Where a user belongs, worked out another way than Meridian does: by vectors, not haversines. */
export function homeOf({ country, latitude, longitude }: User): string | undefined {
  const all = Object.entries(regions);
  const serving = all.find(([, { countries }]) => countries.includes(country));
  if (serving !== undefined) return serving[0];
  const here = vector(latitude, longitude);
  const cosines = all.map(
    ([
      name,
      {
        location: [lat = 0, lon = 0],
      },
    ]) => {
      const there = vector(lat, lon);
      return { name, cosine: here.reduce((sum, part, axis) => sum + part * (there[axis] ?? 0), 0) };
    },
  );
  return cosines.sort((a, b) => b.cosine - a.cosine)[0]?.name;
}

function vector(latitude: number, longitude: number): number[] {
  const [phi, lambda] = [(latitude * Math.PI) / 180, (longitude * Math.PI) / 180];
  return [Math.cos(phi) * Math.cos(lambda), Math.cos(phi) * Math.sin(lambda), Math.sin(phi)];
}
