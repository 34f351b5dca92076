/**
 * The last lines of the daemon's log, for clients that cannot read its file.
 */
import * as Logger from "effect/Logger"

/** So many are kept. */
const most = 200

export interface RecentLines {
  readonly logger: Logger.Logger<unknown, void>
  readonly append: (lines: ReadonlyArray<string>) => void
  readonly lines: () => ReadonlyArray<string>
}

export const make = (): RecentLines => {
  let lines: ReadonlyArray<string> = []
  const append = (more: ReadonlyArray<string>): void => {
    lines = [...lines, ...more].slice(-most)
  }
  return { logger: Logger.map(Logger.formatLogFmt, (line) => append([line])), append, lines: () => lines }
}
