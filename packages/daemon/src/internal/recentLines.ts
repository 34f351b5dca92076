/**
 * The last lines of the daemon's log, for clients that cannot read its file.
 */
import * as Logger from "effect/Logger"

/** So many are kept. */
const most = 200

export interface RecentLines {
  readonly logger: Logger.Logger<unknown, void>
  readonly lines: () => ReadonlyArray<string>
}

export const make = (): RecentLines => {
  const lines: Array<string> = []
  const logger = Logger.map(Logger.formatLogFmt, (line) => {
    lines.push(line)
    if (lines.length > most) lines.shift()
  })
  return { logger, lines: () => lines }
}
