/** JSON objects as what is in them, for the paths that load nothing else. */

export type Members = Readonly<Record<string, unknown>>

export const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The members of the object in a line. Of noise, for which the whole program has words, there are none. */
export const membersIn = (line: string): Members => {
  try {
    const value: unknown = JSON.parse(line)
    return isMembers(value) ? value : {}
  } catch {
    return {}
  }
}
