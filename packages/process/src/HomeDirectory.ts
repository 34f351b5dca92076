/**
 * Wraps the platform: the home directory of the user of a program.
 *
 * Promise: the path is absolute, whatever the environment says, and asking for it never throws. A service manager or a container may leave
 * `HOME` out or empty, and may run a program as a user without an entry in the list of users.
 *
 * @example
 * ```ts
 * import * as HomeDirectory from "@holdfast/process/HomeDirectory"
 *
 * export const config = `${HomeDirectory.of(process.env)}/.config`
 * ```
 */
import * as path from "node:path"
import process from "node:process"

/**
 * `HOME` where it is an absolute path, else what the list of users says, else the root folder, as login programs have it.
 */
export const of = (environment: Readonly<Record<string, string | undefined>>): string => {
  const said = environment["HOME"] ?? ""
  if (path.isAbsolute(said)) return said
  const listed = homeInList()
  return path.isAbsolute(listed) ? listed : "/"
}

const homeInList = (): string => {
  try {
    // Loading it takes time, and few programs need it.
    return process.getBuiltinModule("node:os").userInfo().homedir
  } catch {
    // The user is not in the list.
    return ""
  }
}
