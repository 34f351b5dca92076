/**
 * The children of one runtime, as the reaper and the ledger are told of them.
 *
 * Promises
 * - A child is announced before it is spawned and registered right after: at every moment a process outside this program can
 *   tell what is to be ended when it dies.
 * - Children that end are told of together, once per turn of the event loop: what is gone has no hurry. The last one is told of at once.
 * - A reaper that dies is replaced at once, and its successor is told of everybody. One that takes nothing off its lifeline any
 *   more (stopped, stuck) is replaced too. After more than five deaths within a minute no new one is started, with one
 *   warning, until a child is spawned a minute later. If the system refuses to start one it is asked again every second.
 *
 * Gotcha: nothing here fails. Without a reaper children still run; `status` tells.
 */
import * as RestartIntensity from "@holdfast/core/RestartIntensity"
import type { Ledger } from "./Ledger.ts"
import type { ReaperOptions, ReaperPlatform, ReaperProcess } from "./ReaperProcess.ts"
import * as Tag from "./Tag.ts"

export interface ChildRegistry {
  /** Starts the reaper unless it runs. */
  readonly guard: () => void
  /** A child is about to be spawned. Starts the reaper unless it runs. */
  readonly expect: (policy: Tag.Policy) => Tag.Tag
  /** It was, and leads this group. */
  readonly add: (tag: Tag.Tag, group: number, start: string) => void
  /** Nothing is left of it, or it was never spawned. */
  readonly remove: (tag: Tag.Tag) => void
  readonly status: () => Status
  /** For tests: ends the lifeline, as the death of this program does. */
  readonly abandon: () => void
}

export interface Status {
  readonly state: "idle" | "running" | "given up"
  readonly pid: number | undefined
  readonly kind: "sh" | "none"
  readonly registered: number
}

export interface Notices {
  /** Healed: worth a line. */
  readonly inform: (message: string) => void
  /** Not healed: worth a warning. */
  readonly warn: (message: string) => void
}

export interface ChildRegistryOptions {
  readonly runtime: string
  /** Undefined: there can be no reaper here. */
  readonly platform: () => ReaperPlatform | undefined
  readonly startReaper: (options: ReaperOptions) => ReaperProcess | undefined
  readonly openLedger: (lines: () => ReadonlyArray<string>) => Ledger | undefined
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** Runs this at the end of the turn of the event loop. */
  readonly soon: (run: () => void) => void
  /** Runs this a second later, without keeping the program alive for it. */
  readonly later: (retry: () => void) => void
  readonly notices: Notices
}

// A line has about forty bytes and the kernel takes thousands of them: a reaper that leaves this much with us reads no more.
const maxBacklog = 64 * 1024

const window = 60_000

interface Child {
  readonly group: number
  readonly start: string
  readonly policy: Tag.Policy
}

export const make = (options: ChildRegistryOptions): ChildRegistry => {
  const { notices, runtime } = options
  const expected = new Map<number, Tag.Policy>()
  const living = new Map<number, Child>()
  /** Those that ended in this turn. */
  let ended: Array<number> = []
  let intensity = RestartIntensity.make({ limit: 5, window })
  let spawned = 0
  let state: "idle" | "running" | "given up" | "abandoned" = "idle"
  let gaveUpAt = 0
  let isRetrying = false
  let hasWarned = false
  let platform: ReaperPlatform | undefined
  let reaper: ReaperProcess | undefined
  let ledger: Ledger | undefined

  const lines = (): ReadonlyArray<string> => [
    ...[...expected.keys()].map((number) => `expect ${number}`),
    ...[...living].map(([number, child]) => lineOf(number, child))
  ]

  const start = (): void => {
    platform ??= options.platform()
    ledger ??= options.openLedger(lines)
    if (platform === undefined) {
      state = "given up"
      gaveUpAt = options.now()
      if (!hasWarned) {
        notices.warn("there is no /bin/sh, and so no reaper: should this program be killed, what it started may stay")
      }
      hasWarned = true
      return
    }
    reaper = options.startReaper({ runtime, ledger: ledger?.file, platform, onDeath: replace })
    if (reaper === undefined) {
      state = "idle"
      // With no child to guard there is no hurry: the next spawn tries again.
      return living.size > 0 ? retryLater() : undefined
    }
    state = "running"
    hasWarned = false
    for (const line of lines()) reaper.tell(line)
  }

  const retryLater = (): void => {
    if (isRetrying) return
    isRetrying = true
    options.later(() => {
      isRetrying = false
      if (state === "idle" && living.size > 0) start()
    })
    if (!hasWarned) {
      notices.warn(
        "the system refuses to start the reaper; it is asked again every second. Until then, should this program be killed," +
          " what it started may stay. Mind the limits of processes and open files (ulimit -u, ulimit -n)"
      )
    }
    hasWarned = true
  }

  const replace = (why: string): void => {
    reaper = undefined
    if (state === "abandoned") return
    if (intensity.record(options.now())) {
      state = "given up"
      gaveUpAt = options.now()
      return notices.warn(
        `the reaper has died more than 5 times within a minute (last: ${why}) and is not started again for a minute.` +
          " Until then, should this program be killed, what it started may stay. Find out what kills the processes" +
          " whose command line begins with: /bin/sh -c"
      )
    }
    notices.inform(`the reaper has died (${why}) and is replaced`)
    start()
  }

  const guard = (): void => {
    if (state === "running" || state === "abandoned") return
    if (state === "given up") {
      if (options.now() - gaveUpAt < window) return
      intensity = RestartIntensity.make({ limit: 5, window })
    }
    start()
  }

  const tell = (line: string): void => {
    if (living.size + expected.size === 0) ledger?.clear()
    else ledger?.append(line)
    if (reaper === undefined) return living.size > 0 && state === "idle" ? retryLater() : undefined
    reaper.tell(line)
    // Its death is told by `onDeath`, and its successor gets everything anew.
    if (reaper.backlog() > maxBacklog) reaper.kill()
  }

  const bury = (): void => {
    if (ended.length === 0) return
    const lines = ended.map((number) => `del ${number}`).join("\n")
    ended = []
    tell(lines)
  }

  return {
    guard,
    expect: (policy) => {
      guard()
      const number = ++spawned
      expected.set(number, policy)
      tell(`expect ${number}`)
      return { runtime, number, policy }
    },
    add: ({ number, policy }, group, start) => {
      const child = { group, start, policy }
      expected.delete(number)
      living.set(number, child)
      tell(lineOf(number, child))
    },
    remove: ({ number }) => {
      const wasExpected = expected.delete(number)
      if (!living.delete(number) && !wasExpected) return
      if (ended.push(number) === 1) options.soon(bury)
      if (living.size + expected.size === 0) bury()
    },
    status: () => ({
      state: state === "abandoned" ? "idle" : state,
      pid: reaper?.pid,
      kind: state === "running" ? "sh" : "none",
      registered: living.size
    }),
    abandon: () => {
      state = "abandoned"
      reaper?.endLifeline()
    }
  }
}

const lineOf = (number: number, { group, policy, start }: Child): string => `add ${number} ${group} ${start} ${policy}`
