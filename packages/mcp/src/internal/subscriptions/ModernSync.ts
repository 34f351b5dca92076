/**
 * A modern server is told by a request that stays open, `subscriptions/listen`: its filter says what is desired, its first word what of
 * that will be told.
 *
 * Promises
 * - A filter that changes is asked for anew before the old request is let go: what was heard is heard without a gap.
 * - The request is made again when it ends, with pauses that grow while it ends at once. It is no work in flight: a connection on which
 *   only this waits is idle.
 * - A resource that the server refuses costs the others nothing: what it refuses together it is asked one by one.
 *
 * **Gotchas**: a server that acknowledges nothing within `patience` is taken to tell of everything.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/utilities/subscriptions
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as ModernEra from "@holdfast/protocol/ModernEra"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { ConnectionLost, ServerError } from "../../McpRuntimeError.ts"
import type { CallFailure, McpConnection } from "../connection/contract.ts"
import { kindOf } from "../connection/defective.ts"
import { withoutName } from "../connection/naming.ts"
import { again, type Desired, type SubscriptionSync } from "./SubscriptionSync.ts"

const method = "subscriptions/listen"

/** The time in which a server says what it will tell, in milliseconds; half the deadline of a read, if that is less. */
const patience = 2000

/** What lasted this long has earned a short pause again. */
const provenMillis = 10_000

/** One open request. */
interface Listening {
  readonly fiber: Fiber.Fiber<void, CallFailure>
  readonly uris: ReadonlySet<string>
  readonly since: number
}

/** What became of a request to listen. */
type Opened =
  | { readonly _tag: "Open"; readonly listening: Listening; readonly honoured: ReadonlySet<string> }
  | { readonly _tag: "Refused"; readonly failure: ServerError }
  | { readonly _tag: "Ended"; readonly end: Exit.Exit<void, CallFailure> }
  /** Something else is desired, and no caller waits for this. */
  | { readonly _tag: "Outdated" }

export interface ModernSyncOptions {
  readonly connection: McpConnection
  readonly desired: Desired
  /** Of a read, in milliseconds. */
  readonly deadline: number
}

export class ModernSync implements SubscriptionSync {
  readonly #options: ModernSyncOptions
  readonly #patience: number
  readonly #heard = new Set<string>()
  /** What this server has told of at any time. */
  readonly #proven = new Set<string>()
  readonly #refused = new Set<string>()
  readonly #waiting = new Map<string, Deferred.Deferred<void, CallFailure>>()
  readonly #changes = Latch.makeUnsafe(false)
  #current: Listening | undefined
  /** It may be asked anew while it is still being listened to, as far as is known. */
  #allowsTwo = false
  /** What is new is asked for one by one. */
  #isCautious = false
  /** It tells of no lists. */
  #isDeafToLists = false
  /** It has acknowledged nothing so far, and is not waited for again. */
  #isSilent = false

  constructor(options: ModernSyncOptions) {
    this.#options = options
    this.#patience = Math.min(patience, options.deadline / 2)
  }

  hears(uri: string): boolean {
    return this.#heard.has(uri)
  }

  watch(uri: string): Effect.Effect<void, CallFailure> {
    return Effect.suspend(() => {
      if (this.#heard.has(uri)) return Effect.void
      const waiting = this.#waiting.get(uri) ?? Deferred.makeUnsafe<void, CallFailure>()
      this.#waiting.set(uri, waiting)
      this.#refused.delete(uri)
      this.#changes.openUnsafe()
      return Effect.raceFirst(Deferred.await(waiting), this.#lost)
    })
  }

  /** Every request says it, so there is nothing to tell. */
  readonly log: Effect.Effect<void, CallFailure> = Effect.suspend(() => {
    const { capabilities } = this.#options.connection
    return capabilities.logging === undefined
      ? Effect.fail(this.#notOffered("logging/setLevel", "it offers no log messages"))
      : Effect.void
  })

  settled(): Effect.Effect<void> {
    return Effect.void
  }

  wake(): void {
    this.#changes.openUnsafe()
  }

  readonly begin: Effect.Effect<void, never, Scope.Scope> = Effect.suspend(() =>
    Effect.asVoid(Effect.forkScoped(
      Effect.catchDefect(
        this.#listen(),
        (defect) => Effect.logError(`${this.#options.connection.server}: cannot listen: ${kindOf(defect)}`)
      ),
      { startImmediately: true }
    ))
  )

  readonly #lost: Effect.Effect<never, CallFailure> = Effect.suspend(() => {
    const { closed, server } = this.#options.connection
    return Effect.flatMap(closed, (reason) => {
      const description = withoutName(reason.message, server)
      return Effect.fail(
        new ConnectionLost({ server, method: "resources/subscribe", delivery: "NotSent", description })
      )
    })
  })

  #listen(): Effect.Effect<never> {
    return Effect.gen({ self: this }, function*() {
      let pauses = yield* Schedule.toStepWithSleep(again)
      for (;;) {
        this.#changes.closeUnsafe()
        const uris = this.#wanted()
        const current = this.#current
        if (uris.size > 0 && this.#options.connection.capabilities.resources?.subscribe !== true) {
          yield* this.#refuseAll(
            uris,
            this.#notOffered("resources/subscribe", "it offers no subscriptions to resources")
          )
          continue
        }
        if (uris.size === 0 && Object.keys(this.#lists).length === 0) {
          yield* this.#letGo()
          yield* this.#changes.await
          continue
        }
        if (current !== undefined && isSame(uris, current.uris)) {
          const end: Exit.Exit<void, CallFailure> | undefined = yield* Effect.raceFirst(
            Effect.as(this.#changes.await, undefined),
            Fiber.await(current.fiber)
          )
          if (end === undefined) continue
          yield* this.#note(end)
          if ((yield* now) - current.since >= provenMillis) pauses = yield* Schedule.toStepWithSleep(again)
          yield* this.#letGo()
        } else {
          const opened = yield* this.#open(uris, [...uris].some((uri) => !this.#heard.has(uri)))
          if (opened._tag === "Outdated") continue
          if (opened._tag === "Open") {
            yield* this.#take(opened.listening, opened.honoured)
            continue
          }
          if (opened._tag === "Refused") {
            const isItsOwnFault = current === undefined || (yield* this.#mayHaveTwo(current))
            yield* isItsOwnFault ? this.#refuse(uris, opened.failure) : this.#letGo()
            continue
          }
          yield* this.#note(opened.end)
        }
        yield* Effect.raceFirst(this.#changes.await, Effect.ignore(pauses(undefined)))
      }
    })
  }

  /** Whether a refusal is about what was asked for: a server that allows one request at a time refuses what it tells of already. */
  #mayHaveTwo(current: Listening): Effect.Effect<boolean> {
    if (this.#allowsTwo) return Effect.succeed(true)
    return Effect.flatMap(this.#open(current.uris, true), (opened) => {
      this.#allowsTwo = opened._tag === "Open"
      return opened._tag === "Open"
        ? Effect.as(this.#take(opened.listening, opened.honoured), true)
        : Effect.succeed(false)
    })
  }

  #letGo(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const former = this.#current
      this.#current = undefined
      this.#heard.clear()
      return former === undefined ? Effect.void : Fiber.interrupt(former.fiber)
    })
  }

  /** What is to be asked for now. */
  #wanted(): ReadonlySet<string> {
    const { isWanted, promised } = this.#options.desired
    // The caller that waited for this has gone, or is told by another server.
    for (const uri of this.#waiting.keys()) if (!isWanted(uri)) this.#settle(uri, Effect.void)
    for (const uri of this.#refused) if (!isWanted(uri)) this.#refused.delete(uri)
    // A caller that has just been told so is about to rely on it.
    const heard = [...this.#heard].filter(isWanted)
    const all = [...new Set([...promised(), ...heard, ...this.#waiting.keys()])]
      .filter((uri) => !this.#refused.has(uri))
    if (!this.#isCautious) return new Set(all)
    const isKnown = (uri: string) => this.#proven.has(uri)
    return new Set([...all.filter(isKnown), ...all.filter((uri) => !isKnown(uri)).slice(0, 1)])
  }

  get #lists(): ModernEra.SubscriptionFilter {
    const { prompts, resources, tools } = this.#options.connection.capabilities
    return this.#isDeafToLists ? {} : {
      ...(tools?.listChanged === true && { toolsListChanged: true }),
      ...(prompts?.listChanged === true && { promptsListChanged: true }),
      ...(resources?.listChanged === true && { resourcesListChanged: true })
    }
  }

  /** Asks, and waits for the server's word; if that is not awaited, only as long as nothing else is desired. */
  #open(uris: ReadonlySet<string>, isAwaited: boolean): Effect.Effect<Opened> {
    return Effect.gen({ self: this }, function*() {
      const since = yield* now
      const acknowledged = Deferred.makeUnsafe<ReadonlySet<string>>()
      const filter = { ...this.#lists, ...(uris.size > 0 && { resourceSubscriptions: [...uris] }) }
      const fiber = yield* Effect.forkChild(
        this.#options.connection.listen(filter, {
          onAcknowledged: (params) =>
            Deferred.doneUnsafe(acknowledged, Effect.succeed(new Set(ModernEra.acknowledgedResources(params))))
        }),
        { startImmediately: true }
      )
      return yield* Effect.raceAllFirst([
        Effect.map(
          Effect.timeoutOption(Deferred.await(acknowledged), this.#isSilent ? 0 : this.#patience),
          (word): Opened => {
            this.#isSilent = word._tag === "None"
            const honoured = word._tag === "Some" ? word.value : uris
            return { _tag: "Open", listening: { fiber, uris, since }, honoured }
          }
        ),
        Effect.map(Fiber.await(fiber), (end) => {
          // It has told, without a word before.
          if (Exit.isSuccess(end)) this.#isSilent = true
          return endOf(end)
        }),
        isAwaited ? Effect.never : Effect.andThen(
          this.#changes.await,
          Effect.as(Fiber.interrupt(fiber), { _tag: "Outdated" } as const)
        )
      ])
    })
  }

  /** The server has said what it will tell on this request, which takes the place of the one before. */
  #take(listening: Listening, honoured: ReadonlySet<string>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const former = this.#current
      // What ended meanwhile has left a gap.
      if (former?.fiber.pollUnsafe() !== undefined) this.#heard.clear()
      for (const uri of this.#heard) if (!listening.uris.has(uri)) this.#heard.delete(uri)
      const left = new Set<string>()
      for (const uri of listening.uris) {
        if (!honoured.has(uri)) {
          left.add(uri)
          continue
        }
        const isNew = !this.#heard.has(uri)
        this.#heard.add(uri)
        this.#proven.add(uri)
        if (isNew) this.#options.desired.onHeard(uri)
        this.#settle(uri, Effect.void)
      }
      this.#current = { ...listening, uris: new Set(this.#heard) }
      const failure = this.#notOffered(method, "it acknowledged the request without this resource")
      return Effect.andThen(
        this.#refuseAll(left, failure),
        former === undefined ? Effect.void : Fiber.interrupt(former.fiber)
      )
    })
  }

  /** The server has refused to tell of these together. */
  #refuse(uris: ReadonlySet<string>, failure: ServerError): Effect.Effect<void> {
    return Effect.suspend(() => {
      const isUnknown = failure.code === JsonRpc.errorCode.methodNotFound
      if (isUnknown || uris.size === 0) this.#isDeafToLists = true
      const fresh = new Set([...uris].filter((uri) => !this.#proven.has(uri)))
      if (fresh.size > 1 && !isUnknown) {
        this.#isCautious = true
        return Effect.void
      }
      return this.#refuseAll(isUnknown || fresh.size === 0 ? uris : fresh, failure)
    })
  }

  #refuseAll(uris: ReadonlySet<string>, refusal: ServerError): Effect.Effect<void> {
    const failure = new ServerError({ ...refusal, method: "resources/subscribe" })
    return Effect.forEach(uris, (uri) => {
      this.#proven.delete(uri)
      this.#settle(uri, Effect.fail(failure))
      if (!this.#options.desired.promised().includes(uri)) return Effect.void
      this.#refused.add(uri)
      return Effect.logWarning(`${failure.server}: the subscription to ${uri} could not be renewed: ${failure.message}`)
    }, { discard: true })
  }

  #settle(uri: string, result: Effect.Effect<void, CallFailure>): void {
    const waiting = this.#waiting.get(uri)
    this.#waiting.delete(uri)
    if (waiting !== undefined) Deferred.doneUnsafe(waiting, result)
  }

  #notOffered(asked: string, description: string): ServerError {
    const { server } = this.#options.connection
    return new ServerError({ server, method: asked, code: JsonRpc.errorCode.methodNotFound, description })
  }

  #note(end: Exit.Exit<void, CallFailure>): Effect.Effect<void> {
    const why = Exit.isFailure(end) ? `: ${Cause.pretty(end.cause)}` : ""
    return Effect.logDebug(`${this.#options.connection.server}: ${method} ended${why}`)
  }
}

const now = Effect.map(Clock.Clock, (clock) => Number(clock.monotonicTimeNanosUnsafe()) / 1e6)

const endOf = (end: Exit.Exit<void, CallFailure>): Opened => {
  const failure = Exit.isFailure(end) ? end.cause.reasons.find((reason) => reason._tag === "Fail")?.error : undefined
  return failure?._tag === "ServerError" ? { _tag: "Refused", failure } : { _tag: "Ended", end }
}

const isSame = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean =>
  a.size === b.size && [...a].every((uri) => b.has(uri))
