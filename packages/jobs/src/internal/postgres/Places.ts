/**
 * The places for jobs in a process: as many as each kind has, and as many as all have together. First come, first served.
 *
 * A job that may have killed its process has a place *alone*: it is granted when no other is taken, and no other is granted until it is
 * shared or left. Both have an end (`patienceMillis`), as jobs may wait for each other.
 *
 * **Gotchas**: everything happens in one turn of the event loop: a place is never held by two.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

export interface Place {
  /** Done when the place is had. */
  readonly granted: Deferred.Deferred<void>
  /** Gives it back, or wants it no longer. Does nothing the second time. */
  readonly leave: () => void
  /** It need not be alone any more. */
  readonly share: () => void
}

export interface Places {
  /** A place for a job of the kind, when one is free. */
  readonly queue: (kind: string, limit: number, options?: Options) => Place
  /** A place now, unless all are taken or others wait for one. */
  readonly take: (kind: string, limit: number) => Place | undefined
  readonly taken: (kind: string) => number
  /** To be called now and then: patience ends by the clock. */
  readonly look: () => void
}

export interface Options {
  readonly isAlone?: boolean
  readonly onGranted?: () => void
}

/** How long others wait for a job that is to be tried alone: until it begins, and while it runs. */
export const patienceMillis = 30_000

interface Waiting {
  readonly kind: string
  readonly limit: number
  readonly isAlone: boolean
  readonly grant: () => void
}

export const make = (
  { most, now, onFree }: { readonly most: number; readonly now: () => number; readonly onFree: () => void }
): Places => {
  const taken = new Map<string, number>()
  const waiting = new Set<Waiting>()
  let all = 0
  let alone: { readonly by: Waiting; readonly since: number } | undefined
  let makingRoomSince: number | undefined
  const of = (kind: string) => taken.get(kind) ?? 0
  const isFree = (kind: string, limit: number) => all < most && of(kind) < limit
  const occupy = (kind: string, by: 1 | -1) => {
    all += by
    taken.set(kind, of(kind) + by)
  }
  /** Whether nothing else is granted, for the sake of one that is alone, or is to be: for that others wait every other while. */
  const isKept = () => {
    if (alone !== undefined && now() - alone.since < patienceMillis) return true
    return makingRoomSince !== undefined && Math.floor((now() - makingRoomSince) / patienceMillis) % 2 === 0
  }
  const makeRoom = () => {
    const isWanted = [...waiting].some(({ isAlone }) => isAlone)
    makingRoomSince = isWanted ? makingRoomSince ?? now() : undefined
  }
  const serve = () => {
    makeRoom()
    for (const one of waiting) {
      if (one.isAlone ? all > 0 : isKept() || !isFree(one.kind, one.limit)) continue
      waiting.delete(one)
      if (one.isAlone) alone = { by: one, since: now() }
      makeRoom()
      one.grant()
    }
  }
  const queue: Places["queue"] = (kind, limit, { isAlone = false, onGranted } = {}) => {
    const granted = Deferred.makeUnsafe<void>()
    let state: "waiting" | "had" | "left" = "waiting"
    const one: Waiting = {
      kind,
      limit,
      isAlone,
      grant: () => {
        state = "had"
        occupy(kind, 1)
        onGranted?.()
        Deferred.doneUnsafe(granted, Effect.void)
      }
    }
    waiting.add(one)
    serve()
    const share = () => {
      if (alone?.by !== one) return
      alone = undefined
      serve()
      onFree()
    }
    return {
      granted,
      share,
      leave: () => {
        waiting.delete(one)
        if (alone?.by === one) alone = undefined
        if (state === "had") occupy(kind, -1)
        if (state === "left") return
        state = "left"
        serve()
        onFree()
      }
    }
  }
  return {
    taken: of,
    queue,
    take: (kind, limit) => {
      const isWaitedFor = [...waiting].some((other) => other.kind === kind)
      return !isKept() && isFree(kind, limit) && !isWaitedFor ? queue(kind, limit) : undefined
    },
    look: serve
  }
}
