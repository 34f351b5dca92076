/**
 * What hosts would save if they shared a process of a legacy server, as `holdfast share` lets them.
 */
import type { ServerStatus } from "@holdfast/daemon/DaemonStatus"

export interface Saving {
  readonly server: string
  /** So many processes differ in nothing but their hosts. */
  readonly processes: number
  /** The number of one of them: the word that `holdfast share` is given. */
  readonly pid: number
  /** Bytes. Undefined: the system does not tell. */
  readonly bytes: number | undefined
}

/** Processes of legacy servers that differ in nothing but their hosts. */
export const savings = (servers: ReadonlyArray<ServerStatus>): ReadonlyArray<Saving> => {
  const alike = Map.groupBy(
    servers.filter(({ era, instance, leases, sharing }) =>
      era === "legacy" && sharing === "exclusive" && instance === undefined && leases.length > 0
    ),
    ({ likeness }) => likeness
  )
  return [...alike.values()].flatMap((group) => {
    const [first] = group
    if (first?.pid === undefined || group.length < 2) return []
    const sizes = group.map(({ memory }) => memory?.pss ?? memory?.rss)
    const total = sizes.every((size) => size !== undefined) ? sizes.reduce((sum, size) => sum + size, 0) : undefined
    const bytes = total === undefined ? undefined : Math.round(total * (1 - 1 / group.length))
    return [{ server: first.name, processes: group.length, pid: first.pid, bytes }]
  })
}

/** `2 processes of fs differ in nothing but their hosts: holdfast share 12 would save 1`. */
export const sentence = ({ pid, processes, server }: Saving): string =>
  `${processes} processes of ${server} differ in nothing but their hosts: ` +
  `holdfast share ${pid} would save ${processes - 1}`
