/**
 * The places of the pool: how many are taken, how many are about to come free, and whose turn it is to give one up.
 *
 * It only counts and chooses. Connections are retired and dialled by the machine, which tells it so.
 */
import { isKept, ticketAt } from "./capacity.ts"
import type { Connection } from "./connection.ts"
import { Line, type Standing } from "./line.ts"

export class Room<K, C, E> {
  /** Connections not yet `Closed`, being opened ones included: what `maxConnections` limits. */
  taken = 0
  /** How many of them are closing for those in line. */
  private beingMade = 0
  /** Open connections without a lease, the longest idle first; a lease or a later release is noticed when one is looked at. */
  private readonly idle = new Line<Connection<K, C, E>>()
  private readonly places: number

  constructor(places: number) {
    this.places = places
  }

  get isFull(): boolean {
    return this.taken >= this.places
  }

  /** A connection is unused since `idleSince`. Of one that is in line already that shows when it is looked at. */
  rest(connection: Connection<K, C, E>): void {
    if (connection.place < 0) this.idle.put(connection, connection.idleSince)
  }

  /** It is no longer open. */
  leave(connection: Connection<K, C, E>): void {
    this.idle.remove(connection)
  }

  /** It closes for those in line. */
  vacate(connection: Connection<K, C, E>): void {
    connection.isMakingRoom = true
    this.beingMade++
  }

  /** Its place is free, or is not to be waited for. */
  made(connection: Connection<K, C, E>): void {
    if (!connection.isMakingRoom) return
    connection.isMakingRoom = false
    this.beingMade--
  }

  /** The connection that has been idle for longest, while more are in line than places come free. */
  toVacate(line: Line<Standing>): Connection<K, C, E> | undefined {
    return this.beingMade < line.size ? this.longestIdle() : undefined
  }

  /** Whether a returned connection owes its place to a demand that is older than all of its own key. */
  isOwed(connection: Connection<K, C, E>, line: Line<Standing>): boolean {
    const { first } = line
    if (first === undefined || connection.leases > 0 || this.beingMade >= line.size) return false
    return first.rank < ticketAt(connection.entry.waiters, 0) && !isKept(connection)
  }

  private longestIdle(): Connection<K, C, E> | undefined {
    for (let connection = this.idle.first; connection !== undefined; connection = this.idle.first) {
      // It comes back when it is idle again.
      if (connection.leases > 0 || isKept(connection)) this.idle.remove(connection)
      else if (connection.idleSince > connection.rank) this.idle.put(connection, connection.idleSince)
      else return connection
    }
    return undefined
  }
}
