/**
 * What sharing would save, of what the daemon holds now.
 */
import type { DaemonStatus } from "@holdfast/daemon/DaemonStatus"
import { savings } from "../Sharing.ts"
import { sizeOf } from "../Sizes.ts"
import { type Finding, note, ok } from "./Finding.ts"

export const check = (status: DaemonStatus | undefined): ReadonlyArray<Finding> => {
  if (status === undefined) return []
  const found = savings(status.servers)
  if (found.length === 0) return [ok("sharing", "sharing", "no two hosts have a process each where one would do")]
  return found.map(({ bytes, pid, processes, server }) =>
    note(
      "sharing",
      server,
      `${processes} processes differ in nothing but their hosts${
        bytes === undefined ? "" : `; one would save ${sizeOf(bytes)}`
      }`,
      `If the server keeps no state for its host, holdfast share ${pid} lets them share one`
    )
  )
}
