/**
 * Whether a process may be started, and when: limits by program and for the user as a whole, and turns for starts.
 *
 * Promises
 * - What is there already costs nothing: only a session that needs a process of its own, or the first of those that share one, is asked.
 * - A program holds `perProgram` processes at most, and all programs together `processes`. An unused process makes room, the one
 *   first that has been idle the longest; where none is idle the session is refused at once, in words. No host waits for another to leave.
 * - Where the system tells how much memory is left, idle processes end while that is less than the reserve, and a session is refused when
 *   there is none left to end.
 * - Few processes are started at once. Their turns are fair by program; one that has not answered within five seconds goes on without.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Loss } from "./HostSession.ts"
import { Turns } from "./internal/Turns.ts"
import type { PooledServer } from "./PooledServer.ts"
import type { ServerTarget } from "./ServerTarget.ts"

/** How much the daemon may hold. A session that would go beyond is refused with `TooBusy`. */
export interface Limits {
  /** Processes of all programs together. */
  readonly processes: number
  /** Processes that one program uses. */
  readonly perProgram: number
  /** Processes that are started at once. */
  readonly starts: number
  /** Bytes that are to be left. */
  readonly memoryReserve: number
}

/** What the decision is made by: the limits, and what there is now. */
export interface AdmissionOptions {
  readonly limits: Limits
  /** Those that live. */
  readonly servers: () => Iterable<PooledServer>
  /** Bytes that are left; undefined where the system does not tell. */
  readonly availableMemory: () => number | undefined
}

/** The gate that every session with a server passes. */
export interface Admission {
  /** Runs `start`, which borrows a process for the program, in its turn. Fails with `TooBusy` when there is no room for it. */
  readonly admit: <A, E, R>(
    target: ServerTarget,
    program: string,
    start: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | Loss, R>
}

/** A start that takes longer goes on without its turn. */
const patience = "5 seconds"

interface Borrower {
  readonly program: string
  readonly fingerprint: string
}

/** Makes the gate. `servers` and `availableMemory` are asked anew each time. */
export const make = ({ availableMemory, limits, servers }: AdmissionOptions): Admission => {
  const turns = new Turns<() => void>()
  let running = 0
  /** Sessions that borrow what is there, and those for which a process is started. */
  const joining = new Set<Borrower>()
  const starting = new Set<Borrower>()

  /** Whether it finds a process that is there, or that another session has asked for. */
  const finds = ({ fingerprint, isShared }: ServerTarget): boolean => {
    const equal = live().filter((server) => server.target.fingerprint === fingerprint && !server.isRetired())
    const asked = [...joining, ...starting].filter((each) => each.fingerprint === fingerprint).length
    if (isShared) return equal.length > 0 || asked > 0
    return equal.filter(({ holders }) => holders.size === 0).length > asked
  }

  const live = (): ReadonlyArray<PooledServer> => [...servers()].filter(({ lost }) => lost() === undefined)

  const endIdle = (): Effect.Effect<boolean> => {
    const [oldest] = live().filter(isIdle).toSorted((a, b) => a.idleSince() - b.idleSince())
    return oldest === undefined ? Effect.succeed(false) : Effect.as(oldest.end, true)
  }

  const isShort = (): boolean => (availableMemory() ?? Number.POSITIVE_INFINITY) < limits.memoryReserve

  const makeRoom = ({ wanted: { name } }: ServerTarget, program: string): Effect.Effect<void, Loss> =>
    Effect.gen(function*() {
      const held = live().filter(({ holders }) => [...holders].some((holder) => holder.program === program))
      const own = held.length + [...starting].filter((each) => each.program === program).length
      if (own >= limits.perProgram) {
        const limit = `as many as one program may have (${limits.perProgram}, HOLDFAST_DAEMON_MAX_PER_PROGRAM)`
        return yield* Effect.fail(tooBusy(`${name}: ${program} uses ${own} processes, ${limit}`))
      }
      while (live().length + starting.size >= limits.processes) {
        if (yield* endIdle()) continue
        const limit = `as many as it may have (${limits.processes}, HOLDFAST_DAEMON_MAX_PROCESSES)`
        return yield* Effect.fail(tooBusy(`${name}: the daemon's processes are all in use, ${limit}`))
      }
      while (isShort()) {
        if (yield* endIdle()) continue
        const left = Math.round((availableMemory() ?? 0) / megabyte)
        const reserve = `of which ${
          Math.round(limits.memoryReserve / megabyte)
        } MB are a reserve (HOLDFAST_DAEMON_MEMORY_RESERVE_MB)`
        return yield* Effect.fail(
          tooBusy(`${name}: no process is idle that could end for it, and ${left} MB of memory are left, ${reserve}`)
        )
      }
    })

  const turn = (program: string): Effect.Effect<void> =>
    Effect.callback((resume) => {
      if (running < limits.starts) {
        running++
        return resume(Effect.void)
      }
      let isTaken = false
      const leave = turns.add(program, () => {
        isTaken = true
        resume(Effect.void)
      })
      // It may be given its turn in the moment in which it gives up.
      return Effect.sync(() => {
        leave()
        if (isTaken) endTurn()
      })
    })

  const endTurn = (): void => {
    const next = turns.next()
    if (next === undefined) running--
    else next()
  }

  const among =
    (borrowers: Set<Borrower>, mine: Borrower) => <A, E, R>(use: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.acquireUseRelease(
        Effect.sync(() => borrowers.add(mine)),
        () => use,
        () => Effect.sync(() => borrowers.delete(mine))
      )

  const inTurn = <A, E, R>(program: string, start: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(restore(turn(program)), () => {
        let isOver = false
        const end = Effect.sync(() => {
          if (!isOver) endTurn()
          isOver = true
        })
        const timer = Effect.forkChild(Effect.interruptible(Effect.andThen(Effect.sleep(patience), end)))
        return Effect.flatMap(timer, (fiber) =>
          Effect.onExit(restore(start), () => Effect.andThen(Fiber.interrupt(fiber), end)))
      })
    )

  const admit: Admission["admit"] = (target, program, start) =>
    Effect.suspend(() => {
      const mine = { program, fingerprint: target.fingerprint }
      return finds(target)
        ? among(joining, mine)(start)
        : Effect.andThen(makeRoom(target, program), among(starting, mine)(inTurn(program, start)))
    })

  return { admit }
}

const megabyte = 1024 * 1024

const isIdle = ({ holders, isRetired }: PooledServer): boolean => holders.size === 0 && !isRetired()

const tooBusy = (message: string): Loss => ({ reason: "TooBusy", message })
