/**
 * The last lines of the daemon's log, for clients that cannot read its file.
 */
import * as Logger from "effect/Logger"
import { Feed } from "./Feed.ts"

/** So many are kept. */
const most = 200

export interface RecentLines {
  readonly logger: Logger.Logger<unknown, void>
  readonly append: (lines: ReadonlyArray<string>) => void
  readonly feed: Feed<string>
}

export const make = (): RecentLines => {
  const feed = new Feed<string>({ most })
  const append = (lines: ReadonlyArray<string>): void => {
    for (const line of lines) feed.add(() => line)
  }
  return { logger: Logger.map(Logger.formatLogFmt, (line) => append([line])), append, feed }
}
