/**
 * A legacy server is told by requests: one for each resource, one for the log level.
 *
 * Promises
 * - About one resource there is one request at a time, and each is made for what is desired when its turn comes: however subscriptions come and
 *   go, what the server was told last is what is desired.
 * - A new connection is told what was promised before any caller uses it, unless the server takes longer than `patience` for it.
 * - What could not be told is tried again as long as the connection lasts. What was refused is not, until a caller asks for it again.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { CallFailure, McpConnection } from "../connection/contract.ts"
import { again, type Desired, type SubscriptionSync } from "./SubscriptionSync.ts"

/** A resource by its uri, or the log level. */
type Subject = string | typeof level

const level = Symbol("level")

/** How long a new connection may be withheld from its users for this. */
const patience = "5 seconds"

/** Requests that catch up, at once. */
const atOnce = 8

export interface LegacySyncOptions {
  readonly connection: McpConnection
  readonly desired: Desired
  /** For one request, in milliseconds. */
  readonly deadline: number
}

export class LegacySync implements SubscriptionSync {
  readonly #options: LegacySyncOptions
  /** `perhaps`: it was asked, and what became of that is not known. */
  readonly #told = new Map<string, "yes" | "perhaps">()
  /** The level that the server was told last, where that is known. */
  #level: string | undefined
  readonly #refused = new Set<Subject>()
  readonly #turns = new Map<Subject, { readonly turn: Semaphore.Semaphore; users: number }>()
  /** Those that are to catch up and have not begun, or not begun again. */
  readonly #queued = new Set<Subject>()
  readonly #desk = Semaphore.makeUnsafe(atOnce)
  #fork: ((effect: Effect.Effect<void>) => void) | undefined
  #isWarned = false

  constructor(options: LegacySyncOptions) {
    this.#options = options
  }

  hears(uri: string): boolean {
    return this.#told.get(uri) === "yes"
  }

  watch(uri: string): Effect.Effect<void, CallFailure> {
    return this.#tell(uri)
  }

  readonly log: Effect.Effect<void, CallFailure> = Effect.suspend(() => this.#tell(level))

  settled(uri: string | undefined): Effect.Effect<void> {
    return Effect.ignore(this.#tell(uri ?? level))
  }

  readonly begin: Effect.Effect<void, never, Scope.Scope> = Effect.suspend(() =>
    Effect.gen({ self: this }, function*() {
      const run = yield* FiberSet.makeRuntime<never, void, never>()
      const first = yield* Effect.forkScoped(
        Effect.forEach(
          this.#behind(),
          (subject) => Effect.ignore(Effect.tapError(this.#tell(subject), (failure) => this.#note(subject, failure))),
          { concurrency: atOnce, discard: true }
        ),
        { startImmediately: true }
      )
      yield* Effect.timeoutOption(Fiber.await(first), patience)
      this.#fork = (effect) => void run(effect)
      this.wake()
    })
  )

  wake(): void {
    if (this.#fork === undefined) return
    for (const subject of this.#behind()) {
      if (this.#queued.has(subject)) continue
      this.#queued.add(subject)
      this.#fork(this.#catchUp(subject))
    }
  }

  /** Of what the server does not know what it should. */
  #behind(): ReadonlyArray<Subject> {
    const { isLevelPromised, isWanted, level: levelNow, promised } = this.#options.desired
    for (const subject of this.#refused) {
      if (subject === level ? levelNow() === undefined : !isWanted(subject)) this.#refused.delete(subject)
    }
    const untold: Array<Subject> = promised().filter((uri) => !this.hears(uri))
    if (isLevelPromised() && levelNow() !== this.#level) untold.unshift(level)
    return [
      ...untold.filter((subject) => !this.#refused.has(subject)),
      ...[...this.#told.keys()].filter((uri) => !isWanted(uri))
    ]
  }

  #catchUp(subject: Subject): Effect.Effect<void> {
    const once = this.#inTurn(
      subject,
      Effect.suspend(() => {
        // A wake-up from now on queues it again: what it says was desired until now.
        this.#queued.delete(subject)
        return this.#desk.withPermit(this.#say(subject))
      })
    )
    return Effect.tapError(once, (failure) => this.#note(subject, failure)).pipe(
      Effect.retry({
        schedule: again,
        while: (failure) => {
          // A second one that waits for its turn does the same.
          if (isRefusal(failure) || this.#queued.has(subject)) return false
          this.#queued.add(subject)
          return true
        }
      }),
      Effect.ignore
    )
  }

  #tell(subject: Subject): Effect.Effect<void, CallFailure> {
    return this.#inTurn(subject, Effect.suspend(() => this.#say(subject)))
  }

  #inTurn<A, E>(subject: Subject, effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      const place = this.#turns.get(subject) ?? { turn: Semaphore.makeUnsafe(1), users: 0 }
      this.#turns.set(subject, place)
      place.users++
      return Effect.ensuring(
        place.turn.withPermit(effect),
        Effect.sync(() => {
          if (--place.users === 0) this.#turns.delete(subject)
        })
      )
    })
  }

  /** Says what is desired now, if the server does not know it. */
  #say(subject: Subject): Effect.Effect<void, CallFailure> {
    return subject === level ? this.#sayLevel() : this.#sayResource(subject)
  }

  #sayResource(uri: string): Effect.Effect<void, CallFailure> {
    const { desired } = this.#options
    const isWanted = desired.isWanted(uri)
    const told = this.#told.get(uri)
    if (isWanted ? told === "yes" : told === undefined) return Effect.void
    this.#told.set(uri, "perhaps")
    return this.#ask(isWanted ? "resources/subscribe" : "resources/unsubscribe", { uri }).pipe(
      Effect.tapError((failure) =>
        Effect.sync(() => {
          if (isRefusal(failure)) this.#told.delete(uri)
        })
      ),
      Effect.map(() => {
        if (!isWanted) return void this.#told.delete(uri)
        this.#told.set(uri, "yes")
        this.#refused.delete(uri)
        desired.onHeard(uri)
      })
    )
  }

  #sayLevel(): Effect.Effect<void, CallFailure> {
    const wanted = this.#options.desired.level()
    if (wanted === undefined || wanted === this.#level) return Effect.void
    this.#level = undefined
    return Effect.map(this.#ask("logging/setLevel", { level: wanted }), () => {
      this.#level = wanted
      this.#refused.delete(level)
    })
  }

  #ask(method: string, params: object): Effect.Effect<unknown, CallFailure> {
    const { connection, deadline } = this.#options
    return connection.request(method, params, { hardDeadline: deadline })
  }

  /** A failure that no caller is told. */
  #note(subject: Subject, failure: CallFailure): Effect.Effect<void> {
    const { connection: { server }, desired } = this.#options
    if (subject !== level && !desired.isWanted(subject)) return Effect.logDebug(failure.message)
    const what = subject === level ? "the log level" : `the subscription to ${subject}`
    if (isRefusal(failure)) {
      this.#refused.add(subject)
      return Effect.logWarning(`${server}: ${what} could not be renewed: ${failure.message}`)
    }
    if (this.#isWarned) return Effect.logDebug(failure.message)
    this.#isWarned = true
    return Effect.logWarning(`${server}: ${what} could not be renewed, and is tried again: ${failure.message}`)
  }
}

/** An answer, which is not given otherwise when it is asked for again. */
const isRefusal = ({ _tag }: CallFailure): boolean => _tag === "ServerError"
