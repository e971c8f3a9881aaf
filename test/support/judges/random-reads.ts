import type { SeededRandom } from '../seeded-random.ts';

/** One source of a FROM: what it is called there, and columns that it surely has. */
interface Source {
  readonly text: string;
  readonly alias: string;
  readonly columns: readonly string[];
}

/** What a read may name, with the columns of each. */
export type Readable = Readonly<Record<string, readonly string[]>>;

/** Columns of one type: what compares others gives one server other rows than itself at times. */
const types = [['n', 'code', 'owner', 'c0', 'c1'], ['word'], ['id']] as const;

/** Reads as nobody would write them, of joins, subqueries, derived tables and WITH; many are no right SQL. */
export class RandomReads {
  readonly #random: SeededRandom;
  readonly #tables: Readable;
  readonly #functions: readonly string[];
  #aliases = 0;

  constructor(random: SeededRandom, tables: Readable, functions: readonly string[]) {
    this.#random = random;
    this.#tables = tables;
    this.#functions = functions;
  }

  next(): string {
    this.#aliases = 0;
    const ctes = this.#oneIn(6) ? [this.#cte()] : [];
    const head = ctes.length === 0 ? '' : `WITH ${ctes.map(({ text }) => text).join(', ')} `;
    return head + this.#select([], ctes, 0, false);
  }

  #cte(): Source {
    const alias = `w${this.#aliases++}`;
    const text = `${alias} AS (${this.#select([], [], 1, true)})`;
    return { text, alias, columns: ['c0', 'c1'] };
  }

  /** @param outer the sources around it, which its conditions may name. */
  #select(
    outer: readonly Source[],
    ctes: readonly Source[],
    depth: number,
    isTable: boolean,
  ): string {
    if (depth > 0 && this.#oneIn(12)) return 'SELECT 1 AS c0, 2 AS c1';
    const { from, sources } = this.#from(ctes, depth);
    const item = () => this.#item(sources, outer, depth);
    const items = isTable || depth === 0 ? `${item()} AS c0, ${item()} AS c1` : item();
    const where = this.#oneIn(3) ? '' : ` WHERE ${this.#condition(sources, outer, depth)}`;
    return `SELECT ${items} FROM ${from}${where}`;
  }

  #item(sources: readonly Source[], outer: readonly Source[], depth: number): string {
    if (depth < 2 && this.#oneIn(12))
      return `(${this.#select([...sources, ...outer], [], 2, false)})`;
    if (this.#oneIn(15)) return `${this.#random.pick(this.#functions)}(1)`;
    if (this.#oneIn(3)) return this.#number(outer.length === 0 ? sources : outer);
    return depth === 0 && this.#oneIn(3)
      ? (this.#typed(sources, this.#random.pick(types)) ?? '1')
      : this.#number(sources);
  }

  #from(ctes: readonly Source[], depth: number): { from: string; sources: Source[] } {
    const first = this.#source(ctes, depth);
    const sources = [first];
    let from = first.text;
    const joins = this.#random.below(depth === 0 ? 3 : 2);
    for (let count = 0; count < joins; count++) {
      const right = this.#source(ctes, depth);
      const all = [...sources, right];
      const kind = this.#random.below(9);
      const on = `ON ${this.#condition(all, [], 2)}`;
      if (kind < 3) from += ` JOIN ${right.text} ${on}`;
      else if (kind < 5) from += ` LEFT JOIN ${right.text} ${on}`;
      else if (kind === 5) from += ` RIGHT OUTER JOIN ${right.text} ${on}`;
      else if (kind === 6) from += `, ${right.text}`;
      else if (kind === 7) {
        const column = this.#random.pick(['owner', 'word', 'n']);
        from += ` ${this.#random.pick(['', 'LEFT ', 'RIGHT '])}JOIN ${right.text} USING (${column})`;
      } else from += ` NATURAL ${this.#random.pick(['', 'LEFT ', 'RIGHT '])}JOIN ${right.text}`;
      sources.push(right);
    }
    return { from, sources };
  }

  #source(ctes: readonly Source[], depth: number): Source {
    const alias = `s${this.#aliases++}`;
    const cte = ctes[0];
    if (cte !== undefined && this.#oneIn(2)) {
      return { text: `${cte.alias} ${alias}`, alias, columns: cte.columns };
    }
    if (depth < 2 && this.#oneIn(8)) {
      const query = this.#select([], ctes, depth + 1, true);
      return { text: `(${query}) AS ${alias}`, alias, columns: ['c0', 'c1'] };
    }
    const name = this.#random.pick(Object.keys(this.#tables));
    const columns = this.#tables[name] ?? [];
    return {
      text: `${this.#oneIn(5) ? 'app.' : ''}${name} ${this.#oneIn(2) ? 'AS ' : ''}${alias}`,
      alias,
      columns,
    };
  }

  #condition(sources: readonly Source[], outer: readonly Source[], depth: number): string {
    const parts = Array.from({ length: 1 + this.#random.below(3) }, () =>
      this.#predicate(sources, outer, depth),
    );
    const text = parts.join(` ${this.#random.pick(['AND', 'AND', 'AND', 'OR'])} `);
    return this.#oneIn(6) ? `(${text})` : this.#oneIn(12) ? `NOT (${text})` : text;
  }

  #predicate(sources: readonly Source[], outer: readonly Source[], depth: number): string {
    const owners = this.#owners([...sources, ...outer]);
    const kind = this.#random.below(12);
    if (kind < 5 && owners !== undefined) return owners;
    const [left, right] = this.#alike(sources, outer);
    if (kind < 7) return `${left} = ${right}`;
    if (kind === 7) return `${this.#number(sources)} BETWEEN 0 AND ${this.#number(sources)}`;
    if (kind === 8) return `${this.#typed(sources, this.#random.pick(types)) ?? '1'} IS NULL`;
    if (depth >= 2 || kind < 10) return `${this.#number(sources)} > ${this.#random.below(3)}`;
    const not = this.#oneIn(2) ? 'NOT ' : '';
    if (kind === 10) {
      return `${not}EXISTS (${this.#select([...sources, ...outer], [], depth + 1, false)})`;
    }
    const [column, inner] = this.#oneIn(2)
      ? this.#among(sources)
      : [this.#number(sources), this.#select([...sources, ...outer], [], depth + 1, false)];
    return `${column} ${not}IN (${inner})`;
  }

  /** The comparison that is right most often. */
  #owners(sources: readonly Source[]): string | undefined {
    const owner = this.#random.pick(['owner', 'word']);
    const having = sources.filter(({ columns }) => columns.includes(owner));
    if (having.length < 2) return undefined;
    const [a, b] = [having[0], having[1 + this.#random.below(having.length - 1)]];
    return owner === 'word' && this.#oneIn(2)
      ? `BINARY ${a?.alias}.word = BINARY ${b?.alias}.word`
      : `${a?.alias}.${owner} = ${b?.alias}.${owner}`;
  }

  #among(sources: readonly Source[]): [column: string, query: string] {
    const { alias, columns } = this.#random.pick(sources);
    const column = ['owner', 'word', 'id'].find((name) => columns.includes(name)) ?? columns[0];
    const having = Object.keys(this.#tables).filter(
      (name) => column !== undefined && this.#tables[name]?.includes(column),
    );
    const query =
      having.length === 0 ? 'SELECT 1' : `SELECT ${column} FROM ${this.#random.pick(having)}`;
    return [`${alias}.${column}`, query];
  }

  /** Two columns of one type, one of them perhaps of the tables around. */
  #alike(sources: readonly Source[], outer: readonly Source[]): [string, string] {
    const type = this.#oneIn(5) ? this.#random.pick(types) : types[0];
    const of = outer.length > 0 && this.#oneIn(2) ? outer : sources;
    const [left, right] = [this.#typed(sources, type), this.#typed(of, type)];
    return left === undefined || right === undefined ? ['1', '1'] : [left, right];
  }

  #number(sources: readonly Source[]): string {
    return this.#typed(sources, types[0]) ?? '1';
  }

  #typed(sources: readonly Source[], type: readonly string[]): string | undefined {
    const all = sources.flatMap(({ alias, columns }) =>
      columns.filter((column) => type.includes(column)).map((column) => [alias, column] as const),
    );
    if (all.length === 0) return undefined;
    const [alias, column] = this.#random.pick(all);
    return this.#oneIn(8) ? column : `${alias}.${column}`;
  }

  #oneIn(count: number): boolean {
    return this.#random.isOneIn(count);
  }
}
