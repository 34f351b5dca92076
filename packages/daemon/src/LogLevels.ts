/** The levels of log messages, and which of them a client wants to hear. */

/** From what is least important on. */
export const all = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] as const

export type LogLevel = typeof all[number]

export const isLevel = (value: unknown): value is LogLevel => all.some((level) => level === value)

/** Whether a message of this level is for a client that has named that. One that has named none hears nothing. */
export const isLoud = (level: unknown, least: unknown): boolean =>
  isLevel(least) && isLevel(level) && all.indexOf(level) >= all.indexOf(least)

/** The one that lets the most be heard. Undefined: there is none among them. */
export const mostVerbose = (levels: ReadonlyArray<unknown>): LogLevel | undefined =>
  all.find((level) => levels.includes(level))
