/**
 * A derived table `numbers` with a column `seq` that holds the numbers from 1 to 10^digits, in no order:
 * what MariaDB alone has as a sequence table. Without UNION, which a scatter refuses.
 */
export function numbers(digits: number, name = 'numbers'): string {
  const places = Array.from({ length: digits }, (_, place) => place);
  const seq = places.map((place) => `d${place}.d * ${10 ** place}`).join(' + ');
  const digit = "JSON_TABLE('[0,1,2,3,4,5,6,7,8,9]', '$[*]' COLUMNS (d INT PATH '$'))";
  const joined = places.map((place) => `${digit} AS d${place}`).join(' CROSS JOIN ');
  return `(SELECT 1 + ${seq} AS seq FROM ${joined}) AS ${name}`;
}
