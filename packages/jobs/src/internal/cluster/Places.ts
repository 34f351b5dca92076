/**
 * The places for jobs in a process: as many as each kind has, and as many as all have together. First come, first served.
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
}

export interface Places {
  /** A place for a job of the kind, when one is free. */
  readonly queue: (kind: string, limit: number, onGranted?: () => void) => Place
  /** A place now, unless all are taken or others wait for one. */
  readonly take: (kind: string, limit: number) => Place | undefined
  readonly taken: (kind: string) => number
}

export const make = (most: number, onFree: () => void): Places => {
  const taken = new Map<string, number>()
  const waiting = new Set<{ readonly kind: string; readonly limit: number; readonly grant: () => void }>()
  let all = 0
  const of = (kind: string) => taken.get(kind) ?? 0
  const isFree = (kind: string, limit: number) => all < most && of(kind) < limit
  const occupy = (kind: string, by: 1 | -1) => {
    all += by
    taken.set(kind, of(kind) + by)
  }
  const serve = () => {
    for (const one of waiting) {
      if (!isFree(one.kind, one.limit)) continue
      waiting.delete(one)
      one.grant()
    }
  }
  const queue: Places["queue"] = (kind, limit, onGranted) => {
    const granted = Deferred.makeUnsafe<void>()
    let state: "waiting" | "had" | "left" = "waiting"
    const one = {
      kind,
      limit,
      grant: () => {
        state = "had"
        occupy(kind, 1)
        onGranted?.()
        Deferred.doneUnsafe(granted, Effect.void)
      }
    }
    waiting.add(one)
    serve()
    return {
      granted,
      leave: () => {
        waiting.delete(one)
        const wasHad = state === "had"
        state = "left"
        if (!wasHad) return
        occupy(kind, -1)
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
      return isFree(kind, limit) && !isWaitedFor ? queue(kind, limit) : undefined
    }
  }
}
