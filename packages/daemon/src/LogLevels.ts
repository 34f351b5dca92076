/** The levels of log messages, and which of them a client wants to hear. */

/** From what is least important on. */
export const all = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] as const

/** A level of RFC 5424, as MCP has them. */
export type LogLevel = typeof all[number]

/** Whether a value from a peer is one of the eight levels, in small letters. */
export const isLevel = (value: unknown): value is LogLevel => all.some((level) => level === value)

/** Whether a message of this level is for a client that has named that. One that has named none hears nothing. */
export const isLoud = (level: unknown, least: unknown): boolean =>
  isLevel(least) && isLevel(level) && all.indexOf(level) >= all.indexOf(least)

/** The one that lets the most be heard. Undefined: there is none among them. */
export const mostVerbose = (levels: ReadonlyArray<unknown>): LogLevel | undefined =>
  all.find((level) => levels.includes(level))
