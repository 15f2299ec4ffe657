/** Where a listing goes on and how far. `after` is the `next` of the page before. */
export type PageRequest = { readonly limit: number; readonly after?: string | undefined }

/** `next` is undefined on the last page. */
export type Page<Item> = { readonly items: readonly Item[]; readonly next: string | undefined }

/** A page of rows that were asked for with one more than the limit. */
export function toPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  { item, cursor }: { item: (row: Row) => Item; cursor: (row: Row) => string },
): Page<Item> {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return { items: shown.map(item), next: rows.length > limit && last ? cursor(last) : undefined }
}
