/** One request and its response, as a client sees them: without a socket, and without anything else that time does not rule. */
import type * as SeededRandom from "@holdfast/testkit/SeededRandom"
import * as Effect from "effect/Effect"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

export interface Heard {
  readonly status: number
  readonly session: string | undefined
  /** Empty when the response was a stream. */
  readonly text: string
}

export interface Message {
  readonly id?: string | number
  readonly method?: string
  readonly params?: { readonly call?: string | number }
  readonly result?: { readonly content?: string }
  readonly error?: { readonly message: string }
}

export interface Event {
  readonly id: string | undefined
  readonly data: string | undefined
  /** The data, if it is a message. */
  readonly message: Message | undefined
}

const decoder = new TextDecoder()

/** Reads a response to its end. Interrupted, it is a client that leaves. */
export const exchange = <R>(
  served: Effect.Effect<HttpServerResponse.HttpServerResponse, never, R>,
  { onEvent, onHead }: {
    readonly onHead: (session: string | undefined) => void
    readonly onEvent: (event: Event) => Effect.Effect<void>
  }
): Effect.Effect<Heard, never, Exclude<R, Scope.Scope>> =>
  Effect.scoped(Effect.gen(function*() {
    const response = yield* served
    const { body, status } = response
    const session = response.headers["mcp-session-id"]
    onHead(session)
    if (body._tag === "Uint8Array") return { status, session, text: decoder.decode(body.body) }
    if (body._tag !== "Stream") return { status, session, text: "" }
    yield* Stream.runForEach(body.stream, (bytes) => {
      const frame = decoder.decode(bytes)
      if (frame.startsWith(":")) return Effect.void
      const data = /^data: (.+)$/m.exec(frame)?.[1]
      const message: Message | undefined = data?.startsWith("{") === true ? JSON.parse(data) : undefined
      return onEvent({ id: /^id: (.+)$/m.exec(frame)?.[1], data, message })
    }).pipe(Effect.orDie)
    return { status, session, text: "" }
  }))

/** Waits for so long, or leaves before anything has come to rest. */
export const patiently = <A, R>(
  random: SeededRandom.SeededRandom,
  effect: Effect.Effect<A, never, R>,
  millis: number
): Effect.Effect<Option.Option<A>, never, R> => {
  if (random.chance(0.7)) return Effect.timeoutOption(effect, millis)
  const steps = Effect.repeat(Effect.yieldNow, { times: random.int(0, 60) })
  return Effect.raceFirst(Effect.asSome(effect), Effect.as(steps, Option.none()))
}
