/**
 * What is known of tools before they are called. Which say of themselves that calling them twice does no harm: that decides whether
 * a lost call may be sent again. And which want some of their arguments in headers.
 *
 * The hints are taken from the server's last tool list. If no caller has asked for one, they are asked for once per server, beside
 * its first call: whether a lost call may be repeated must be known when it is lost. Where connections are shared this rides on
 * the call's connection and survives its loss; an exclusive one is asked itself, since another would be opened for the question;
 * one that serves a single call is not asked.
 */
import type * as Messages from "@holdfast/protocol/Messages"
import * as ModernEra from "@holdfast/protocol/ModernEra"
import { declaredBy, headersOf, type Mirrored } from "@holdfast/protocol/ToolHeaders"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { ConnectionLost, DeadlineExceeded, type McpRuntimeError, type ServerError } from "../../McpRuntimeError.ts"
import type { CallFailure, McpConnection } from "../connection/contract.ts"
import type { PooledServer } from "../pool/PooledServer.ts"
import type { ServerMemory } from "../pool/ServerMemory.ts"
import { allPages } from "./listing.ts"
import * as listings from "./listings.ts"

type Headers = Readonly<Record<string, string>> | undefined

const isSame = (a: Headers = {}, b: Headers = {}): boolean =>
  Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([name, value]) => b[name] === value)

/** What is to be told of a call that was refused, and of which the server was then asked for its tools in vain. It has not run. */
const afterRefusal = (refusal: ServerError, failure: CallFailure): CallFailure => {
  const { method, server } = refusal
  switch (failure._tag) {
    case "ConnectionLost":
      return failure
    case "OutcomeUnknown":
      return new ConnectionLost({ server, method, delivery: "Refused", description: failure.description })
    case "DeadlineExceeded": {
      const { afterMillis, kind } = failure
      return new DeadlineExceeded({ server, method, afterMillis, kind, delivery: "Refused" })
    }
    case "HttpRejected":
      return failure.retryAfterMillis === undefined ? refusal : failure
    case "ServerError":
    case "InvalidAnswer":
    case "TooBusy":
      return refusal
  }
}

/** What is to be told of a call before which the server was asked for its tools in vain. Undefined: it can be called all the same. */
const beforeCall = (failure: CallFailure): CallFailure | undefined => {
  const { server } = failure
  const method = "tools/call"
  switch (failure._tag) {
    case "OutcomeUnknown":
      return new ConnectionLost({ server, method, delivery: "NotSent", description: failure.description })
    case "DeadlineExceeded": {
      const { afterMillis, kind } = failure
      return new DeadlineExceeded({ server, method, afterMillis, kind, delivery: "NotSent" })
    }
    case "ServerError":
    case "InvalidAnswer":
      return undefined
    case "ConnectionLost":
    case "HttpRejected":
    case "TooBusy":
      return failure
  }
}

/** How long a lost call waits for a tool list that is on its way. */
const patience = "5 seconds"

const isRepeatable = ({ annotations }: Messages.Tool): boolean =>
  annotations?.readOnlyHint === true || annotations?.idempotentHint === true

export class ToolHints {
  readonly #memory: ServerMemory
  readonly #asking = new Map<string, Fiber.Fiber<void>>()
  readonly #scope: Scope.Scope
  readonly #list: (target: PooledServer) => Effect.Effect<unknown, McpRuntimeError>
  readonly #onStale: (target: PooledServer) => void

  /**
   * `list` asks for the tools in the ordinary way, and makes sure that they are remembered. `onStale` is told when a server has shown that
   * what is known of them is not so any more.
   */
  constructor(
    scope: Scope.Scope,
    memory: ServerMemory,
    list: (target: PooledServer) => Effect.Effect<unknown, McpRuntimeError>,
    onStale: (target: PooledServer) => void
  ) {
    this.#scope = scope
    this.#memory = memory
    this.#list = list
    this.#onStale = onStale
  }

  remember(target: PooledServer, tools: ReadonlyArray<Messages.Tool>): void {
    const notes = this.#memory.of(target.fingerprint)
    notes.repeatable = new Set(tools.filter(isRepeatable).map(({ name }) => name))
    notes.tasks = new Map(tools.flatMap(({ execution, name }) => {
      const support = execution?.taskSupport
      return support === "optional" || support === "required" ? [[name, support] as const] : []
    }))
    // Nothing but HTTP has headers.
    const mirrored = target.endpoint._tag !== "Http" ?
      [] :
      tools.flatMap((tool): Array<[string, ReadonlyArray<Mirrored>]> => {
        const declared = declaredBy(tool)
        return Result.isSuccess(declared) && declared.success.length > 0 ? [[tool.name, declared.success]] : []
      })
    notes.mirrored = mirrored.length === 0 ? undefined : new Map(mirrored)
  }

  /**
   * Calls a tool with what it wants to see in headers, as far as its declaration is known. A server that finds something missing there
   * has not run the call: it is asked for its tools, and the call is sent once more if they tell anything new.
   */
  withHeaders<A>(
    target: PooledServer,
    connection: McpConnection,
    { args, left, name }: { readonly name: string; readonly args: unknown; readonly left: () => number },
    send: (headers: Headers) => Effect.Effect<A, CallFailure>
  ): Effect.Effect<A, CallFailure> {
    const headers = this.#headersOf(target, name, args)
    return Effect.catchTag(
      send(headers),
      "ServerError",
      (refusal) =>
        refusal.code !== ModernEra.headerMismatch ? Effect.fail(refusal) : Effect.flatMap(
          Effect.mapError(allPages(listings.tools, connection, left), (failure) => afterRefusal(refusal, failure)),
          ({ items }) => {
            this.#onStale(target)
            this.remember(target, items)
            const learnt = this.#headersOf(target, name, args)
            return isSame(headers, learnt) ? Effect.fail(refusal) : send(learnt)
          }
        )
    )
  }

  /**
   * Whether a call of the tool may be a task, or must be one, of a server that has tasks. It is asked for its tools if they are not known: a call that
   * is no task where it must be one is refused by some servers in words that no program can tell from an answer.
   */
  taskSupport(
    target: PooledServer,
    connection: McpConnection,
    name: string,
    left: () => number
  ): Effect.Effect<"optional" | "required" | undefined, CallFailure> {
    return Effect.suspend(() => {
      const known = this.#memory.of(target.fingerprint).tasks
      if (known !== undefined) return Effect.succeed(known.get(name))
      return allPages(listings.tools, connection, left).pipe(
        Effect.map(({ items }) => {
          this.remember(target, items)
          return this.#memory.of(target.fingerprint).tasks?.get(name)
        }),
        Effect.catch((failure) => {
          const unsent = beforeCall(failure)
          return unsent === undefined ? Effect.undefined : Effect.fail(unsent)
        })
      )
    })
  }

  #headersOf({ fingerprint }: PooledServer, name: string, args: unknown): Headers {
    const declared = this.#memory.of(fingerprint).mirrored?.get(name)
    return declared === undefined ? undefined : headersOf(declared, args)
  }

  /** Nothing has to be asked for. */
  areKnown({ fingerprint }: PooledServer): boolean {
    return this.#memory.of(fingerprint).repeatable !== undefined
  }

  /** Asks beside a call on this connection, unless they are known or being asked for. */
  ask(target: PooledServer, connection: McpConnection): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { deadlines, fingerprint, label, policy } = target
      if (!policy.reuse || this.#asking.has(fingerprint)) return Effect.void
      if (this.#memory.of(fingerprint).repeatable !== undefined) return Effect.void
      const ask: Effect.Effect<unknown, CallFailure | McpRuntimeError> = policy.sharing === "shared"
        ? this.#list(target)
        : Effect.map(
          allPages(listings.tools, connection, () => deadlines.read),
          ({ items }) => this.remember(target, items)
        )
      return Effect.asVoid(ask).pipe(
        // A server that cannot be asked has not said that repeating is harmless. The next call asks again.
        Effect.catch((failure) => Effect.logDebug(`${label}: no tool list for its hints: ${failure.message}`)),
        Effect.ensuring(Effect.sync(() => this.#asking.delete(fingerprint))),
        Effect.forkIn(this.#scope),
        Effect.map((fiber) => {
          // It may have failed before this, and the next call asks again.
          if (fiber.pollUnsafe() === undefined) this.#asking.set(fingerprint, fiber)
        })
      )
    })
  }

  /** Whether this tool may be called again; waits a little for hints that are on their way. */
  mayRepeat(target: PooledServer, name: string): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      const { fingerprint } = target
      const known = this.#memory.of(fingerprint).repeatable
      if (known !== undefined) return Effect.succeed(known.has(name))
      const asking = this.#asking.get(fingerprint)
      if (asking === undefined) return Effect.succeed(false)
      return Fiber.await(asking).pipe(
        Effect.timeoutOption(patience),
        Effect.map(() => this.#memory.of(fingerprint).repeatable?.has(name) ?? false)
      )
    })
  }
}
