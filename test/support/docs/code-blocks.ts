import { readdirSync, readFileSync } from 'node:fs';

/** A fenced block of a page. */
export interface CodeBlock {
  /** `docs/guides/cache.md:42`. */
  readonly name: string;
  readonly page: string;
  /** The heading of second level that it is under; empty before the first. */
  readonly section: string;
  readonly language: string;
  /** The name of the file that it is, where its page gives it one: ```ts dev.ts. */
  readonly file: string | undefined;
  readonly text: string;
}

const fence = /^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm;

/** Every fenced block of the README and of the pages under docs. */
export function codeBlocks(root: string): CodeBlock[] {
  const guides = readdirSync(`${root}/docs`, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`);
  const pages = ['README.md', ...guides];
  return pages.flatMap((page) => {
    const text = readFileSync(`${root}/${page}`, 'utf8');
    return [...text.matchAll(fence)].map(({ index, 1: language = '', 2: file, 3: code = '' }) => ({
      name: `${page}:${text.slice(0, index).split('\n').length}`,
      page,
      section: [...text.slice(0, index).matchAll(/^## (.*)$/gm)].at(-1)?.[1] ?? '',
      language,
      file,
      text: code,
    }));
  });
}
