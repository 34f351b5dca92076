/**
 * How a process is brought to its end: politely first, by force at last.
 *
 * End stdin → `gracePeriod` → TERM the group → `terminateTimeout` → KILL the group. Each rung is left as soon as what it waits
 * for has happened. A leader's clean exit does not end the ladder: wrappers (npx, uvx, `sh -c`) leave descendants, so the group
 * is looked at and, if it lives, climbs on. Then its escapees are looked for. They climb with the group and share its time:
 * a process that is found on a rung gets that rung's signal once, and again the next rung's.
 *
 * Promises: the first call climbs; a call while it climbs jumps to KILL at once; a call afterwards returns at once. All of
 * them return when the group is gone and a look around found no escapee. The climb cannot be interrupted half-way.
 *
 * Gotcha: what KILL cannot end (a member stuck in the kernel, or one that this user may not signal) is given up
 * `killTimeout` later with a warning, so that a shutdown ends.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Schedule from "effect/Schedule"
import type { Escapee } from "./Escapees.ts"
import type { ProcessGroup } from "./ProcessGroup.ts"

export interface ClosingLadderOptions {
  readonly command: string
  readonly group: ProcessGroup
  /** Tells the process that no more input will come. */
  readonly endInput: Effect.Effect<void>
  /** Returns once the leader has exited. */
  readonly exited: Effect.Effect<unknown>
  readonly gracePeriod: Duration.Duration
  readonly terminateTimeout: Duration.Duration
  /** How long KILL may take before what survives it is given up. */
  readonly killTimeout: Duration.Duration
  /** Looks for those who have left the group. */
  readonly escapees: Effect.Effect<ReadonlyArray<Escapee>>
  /** Runs once, at the end of the climb. */
  readonly afterwards: (isGone: boolean) => Effect.Effect<void>
}

type Rung = "Open" | "Ending" | "Terminating" | "Killing" | "Closed"

const edges: Readonly<Record<Rung, ReadonlyArray<Rung>>> = {
  Open: ["Ending"],
  Ending: ["Terminating", "Killing", "Closed"],
  Terminating: ["Killing", "Closed"],
  Killing: ["Closed"],
  Closed: []
}

/**
 * The `close` of one process. Never fails.
 */
export const make = (options: ClosingLadderOptions): Effect.Effect<void> => {
  const { command, escapees, exited, gracePeriod, group, killTimeout, terminateTimeout } = options
  const jump = Latch.makeUnsafe(false)
  const closed = Deferred.makeUnsafe<void>()
  let rung: Rung = "Open"
  let signal: "SIGTERM" | "SIGKILL" | undefined = undefined
  let known: ReadonlyArray<Escapee> = []

  const climbTo = (next: Rung): void => {
    if (!edges[rung].includes(next)) throw new Error(`illegal step of a closing ladder: ${rung} to ${next}`)
    rung = next
  }

  const send = (next: "SIGTERM" | "SIGKILL"): void => {
    signal = next
    group.signal(next)
    for (const escapee of known) escapee.signal(next)
  }

  /** Whether no process is left outside the group. While a known one lives, asking costs a glance instead of a walk. */
  const chase = Effect.suspend(() => {
    known = known.filter((escapee) => !escapee.isGone())
    if (known.length > 0) return Effect.succeed(false)
    return Effect.map(escapees, (found) => {
      known = found
      if (signal !== undefined) { for (const escapee of found) escapee.signal(signal) }
      return found.length === 0
    })
  })

  const until = (is: Effect.Effect<boolean>): Effect.Effect<unknown> =>
    Effect.repeat(is, { until: (is) => is, schedule: polling })

  const gone = exited.pipe(Effect.andThen(until(Effect.sync(group.isGone))), Effect.andThen(until(chase)))

  /** Whether the event came before the time was up or the ladder was told to jump. */
  const within = (event: Effect.Effect<unknown>, time: Effect.Effect<void>): Effect.Effect<boolean> =>
    Effect.raceFirst(Effect.as(event, true), Effect.as(time, false))

  const patience = (duration: Duration.Duration): Effect.Effect<void> =>
    Effect.timeoutOrElse(jump.await, { duration, orElse: () => Effect.void })

  const climb = Effect.gen(function*() {
    climbTo("Ending")
    yield* options.endInput
    if ((yield* within(exited, patience(gracePeriod))) && group.isGone() && (yield* chase)) return true
    if (!jump.isOpen()) {
      climbTo("Terminating")
      send("SIGTERM")
      // A process that has left a group which lives on gets the signal together with it.
      if (yield* within(Effect.andThen(chase, gone), patience(terminateTimeout))) return true
    }
    climbTo("Killing")
    send("SIGKILL")
    if (yield* within(gone, Effect.sleep(killTimeout))) return true
    // The group may be all that could not be ended: nothing beyond it was looked at yet.
    yield* chase
    yield* Effect.logWarning(
      `${command}: of process group ${group.id} or those who left it, a process is still there ${
        Duration.format(killTimeout)
      } after SIGKILL and is left behind.` +
        ` Look at them with: ps -o pid,stat,user,args -p ${[group.id, ...known.map(({ pid }) => pid)].join(",")}`
    )
    return false
  })

  const first = Effect.gen(function*() {
    const isGone = yield* climb
    // A walk through the process table can miss a member forked during it. Where only zombies were seen, this reaches it.
    group.signal("SIGKILL")
    climbTo("Closed")
    yield* options.afterwards(isGone)
  }).pipe(
    Effect.onExit((exit) => Deferred.done(closed, exit)),
    Effect.uninterruptible
  )

  return Effect.suspend(() => {
    if (rung === "Open") return first
    jump.openUnsafe()
    return Deferred.await(closed)
  })
}

// The system tells a grandchild's death to no stranger, so it is looked for: often at first, since most die at once.
const polling = Schedule.min([Schedule.exponential("1 millis", 1.5), Schedule.spaced("50 millis")])
