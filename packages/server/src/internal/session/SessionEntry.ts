/** A session at work: its counters, its stamps and its one way out. The promises are those of `Session.ts`. */
import type { Principal } from "@holdfast/protocol/Principal"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import {
  type CloseReason,
  mayGo,
  type SessionShape,
  type SessionState,
  type SessionTransport,
  type StreamView
} from "../../Session.ts"
import { complain, complainOf } from "../complain.ts"
import { clientName } from "./clientName.ts"

/** What a session needs from the registry it belongs to. */
export interface SessionHost {
  /** Milliseconds, monotonic. */
  readonly now: () => number
  readonly onState: (entry: SessionEntry, state: SessionState) => void
  /** A request of any session has begun. */
  readonly onHold: () => void
  /** It has ended. */
  readonly onRelease: () => void
  readonly fork: (effect: Effect.Effect<void>) => void
}

/** How long callers wait for what a session holds to be released. What takes longer goes on, and the session is `closing` until then. */
export const releaseTimeout = "5 seconds"

/** A stream that is held. */
export interface HeldStream {
  /** Counts up from 1 within one session. */
  readonly number: number
  readonly openedAt: number
  readonly view: StreamView
}

export class SessionEntry implements SessionShape {
  readonly number: number
  readonly principal: Principal
  readonly transport: SessionTransport
  readonly digest: string
  readonly openedAt: number
  readonly scope = Scope.makeUnsafe("parallel")
  lastSeen: number
  closeReason: CloseReason | undefined
  readonly #host: SessionHost
  readonly #closed = Deferred.makeUnsafe<CloseReason>()
  readonly #atClosing = new Set<{ readonly run: (reason: CloseReason) => void }>()
  #state: SessionState = "connecting"
  #client: string | undefined
  #inFlight = 0
  readonly #streams = new Set<HeldStream>()
  #lastStream = 0

  constructor(host: SessionHost, number: number, principal: Principal, transport: SessionTransport, digest: string) {
    this.#host = host
    this.number = number
    this.principal = principal
    this.transport = transport
    this.digest = digest
    this.openedAt = host.now()
    this.lastSeen = this.openedAt
  }

  readonly state = (): SessionState => this.#state
  readonly inFlight = (): number => this.#inFlight
  readonly openStreams = (): number => this.#streams.size
  readonly streams = (): ReadonlySet<HeldStream> => this.#streams
  readonly closed = Deferred.await(this.#closed)

  readonly client = (): string | undefined => this.#client

  readonly introduce = (clientInfo: unknown): void => {
    this.#client = clientName(clientInfo)
  }

  readonly activate = (): void => {
    if (this.#state === "connecting") this.#move("active")
  }

  readonly touch = (): void => {
    this.lastSeen = this.#host.now()
  }

  readonly holdRequest = (isUse = true): () => void => {
    this.#inFlight++
    if (isUse) this.touch()
    this.#host.onHold()
    return once(() => {
      this.#inFlight--
      if (isUse) this.touch()
      this.#host.onRelease()
    })
  }

  readonly holdStream = (view: StreamView = unknownStream): () => void => {
    this.touch()
    const held = { number: ++this.#lastStream, openedAt: this.lastSeen, view }
    this.#streams.add(held)
    return once(() => {
      this.#streams.delete(held)
      this.touch()
    })
  }

  readonly onClosing = (run: (reason: CloseReason) => void): () => void => {
    const watcher = { run }
    if (this.closeReason === undefined) this.#atClosing.add(watcher)
    else run(this.closeReason)
    return () => void this.#atClosing.delete(watcher)
  }

  readonly close = (reason: CloseReason): Effect.Effect<void> =>
    Effect.suspend(() => {
      this.beginClosing(reason)
      return Effect.asVoid(this.closed)
    })

  /** Closes without waiting for it: nothing comes between what its caller knows of the session and its end. */
  beginClosing(reason: CloseReason): void {
    if (this.#state !== "connecting" && this.#state !== "active") return
    this.closeReason = reason
    this.#move("closing")
    for (const { run } of this.#atClosing) this.#tell(run, reason)
    // In a fiber of the registry: the fiber that closes a session may be part of it, and is interrupted by what it began. The end of the registry
    // leaves no session half released.
    this.#host.fork(Effect.uninterruptible(Effect.andThen(
      Effect.catchCause(
        Scope.close(this.scope, Exit.void),
        (cause) => complain(`session ${this.number}: not all that it held was released`, cause)
      ),
      Effect.sync(() => {
        this.#move("closed")
        Deferred.doneUnsafe(this.#closed, Effect.succeed(reason))
      })
    )))
  }

  /** One that breaks keeps no other from being told, nor the session from its end. */
  #tell(run: (reason: CloseReason) => void, reason: CloseReason): void {
    const told = Result.try(() => run(reason))
    if (Result.isFailure(told)) {
      this.#host.fork(complainOf(`session ${this.number}: what was to be done at its end failed`, told.failure))
    }
  }

  #move(to: SessionState): void {
    if (!mayGo(this.#state, to)) throw new Error(`a session cannot go from ${this.#state} to ${to}`)
    this.#state = to
    this.#host.onState(this, to)
  }
}

const unknownStream: StreamView = { kind: "events", bufferedBytes: () => 0 }

const once = (run: () => void): () => void => {
  let isDone = false
  return () => {
    if (isDone) return
    isDone = true
    run()
  }
}
