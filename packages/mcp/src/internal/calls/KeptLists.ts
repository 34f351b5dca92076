/** The lists of one server that are kept, as long as they are fresh: see `ListCache`. */
import type { Freshness } from "./Freshness.ts"
import type { Whole } from "./listing.ts"

/** A list as it is kept. */
export interface Kept extends Freshness {
  readonly method: string
  readonly list: Whole<unknown>
}

/** What is kept of one server. */
export interface KeptLists {
  readonly lists: Map<string, Kept>
  /** How often each list was said to have changed. */
  readonly changes: Map<string, number>
  /** Its name and version. */
  version: string | undefined
}

export const nothingKept = (): KeptLists => ({ lists: new Map(), changes: new Map(), version: undefined })
