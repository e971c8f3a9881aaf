/** What a MaxMind database can hold here: texts, coordinates, whole numbers, lists and records. */
type Value = string | number | { readonly double: number } | readonly Value[] | Fields;
interface Fields {
  readonly [name: string]: Value;
}

type Node = [Node | number | undefined, Node | number | undefined];

/**
 * A MaxMind DB file (format 2.0, IPv6 tree, records of 24 bits) of IPv4 networks and what is known of
 * each: https://maxmind.github.io/MaxMind-DB/.
 */
export function mmdbFile(networks: Readonly<Record<string, Fields>>): Buffer {
  const data: Buffer[] = [];
  const root: Node = [undefined, undefined];
  for (const [network, fields] of Object.entries(networks)) {
    insert(root, bitsOf(network), Buffer.concat(data).length);
    data.push(encode(fields));
  }
  const nodes = numbered(root);
  const indexOf = new Map(nodes.map((node, index) => [node, index]));
  const tree = Buffer.alloc(nodes.length * 6);
  for (const [index, node] of nodes.entries()) {
    for (const [side, child] of node.entries()) {
      const record =
        child === undefined
          ? nodes.length
          : typeof child === 'number'
            ? nodes.length + 16 + child
            : (indexOf.get(child) ?? 0);
      tree.writeUIntBE(record, index * 6 + side * 3, 3);
    }
  }
  const metadata = encode({
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1,
    database_type: 'Test-City',
    description: { en: 'made by a test' },
    ip_version: 6,
    languages: ['en'],
    node_count: nodes.length,
    record_size: 24,
  });
  const marker = Buffer.from('abcdef4d61784d696e642e636f6d', 'hex');
  return Buffer.concat([tree, Buffer.alloc(16), ...data, marker, metadata]);
}

/** IPv4 lies in the first 96 zero bits of the IPv6 tree. */
function bitsOf(network: string): number[] {
  const [address = '', length = '32'] = network.split('/');
  const bits = address
    .split('.')
    .flatMap((octet) => [...Number(octet).toString(2).padStart(8, '0')].map(Number));
  return [...new Array<number>(96).fill(0), ...bits.slice(0, Number(length))];
}

function insert(root: Node, bits: readonly number[], offset: number): void {
  let node = root;
  for (const [depth, bit] of bits.entries()) {
    const side = bit === 0 ? 0 : 1;
    if (depth === bits.length - 1) node[side] = offset;
    else {
      const next = node[side];
      const child: Node = typeof next === 'object' ? next : [undefined, undefined];
      node[side] = child;
      node = child;
    }
  }
}

function numbered(node: Node): Node[] {
  return [node, ...node.flatMap((child) => (typeof child === 'object' ? numbered(child) : []))];
}

function encode(value: Value): Buffer {
  if (typeof value === 'string') {
    const text = Buffer.from(value);
    return Buffer.concat([Buffer.from([(2 << 5) | text.length]), text]);
  }
  if (typeof value === 'number') {
    const four = Buffer.alloc(4);
    four.writeUInt32BE(value);
    return Buffer.concat([Buffer.from([(6 << 5) | 4]), four]);
  }
  if (isList(value))
    return Buffer.concat([Buffer.from([value.length, 11 - 7]), ...value.map(encode)]);
  if ('double' in value && typeof value.double === 'number') {
    const eight = Buffer.alloc(8);
    eight.writeDoubleBE(value.double);
    return Buffer.concat([Buffer.from([(3 << 5) | 8]), eight]);
  }
  const fields = Object.entries(value);
  return Buffer.concat([
    Buffer.from([(7 << 5) | fields.length]),
    ...fields.flatMap(([name, field]) => [encode(name), encode(field)]),
  ]);
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}
