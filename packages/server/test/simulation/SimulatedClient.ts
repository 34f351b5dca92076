/**
 * A client that does what clients do to servers: it leaves in the midst of everything, comes back for what it has missed, forgets its
 * session, deletes it twice, begins anew on top of it. What it is told it checks.
 */
import * as Principal from "@holdfast/protocol/Principal"
import type { CloseReason, SessionShape } from "@holdfast/server/Session"
import type * as SeededRandom from "@holdfast/testkit/SeededRandom"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import * as SimulatedHttp from "./SimulatedHttp.ts"
import { answerTo } from "./SimulatedServer.ts"

/** Whose request is being served: by it a session is known to the one that it was opened for. */
export interface Visited {
  session?: SessionShape
  /** Set when it begins to close. */
  reason?: CloseReason
}

export class Visit extends Context.Reference<Visited | undefined>("simulation/Visit", {
  defaultValue: () => undefined
}) {}

export interface ClientWorld {
  readonly random: SeededRandom.SeededRandom
  readonly serve: (
    request: HttpServerRequest.HttpServerRequest,
    principal: Principal.Principal
  ) => Effect.Effect<HttpServerResponse.HttpServerResponse>
  readonly isDraining: () => boolean
  /** The longest that an `initialize` may go without an answer, in milliseconds. */
  readonly patience: number
  /** Nothing is ever too much to be kept. */
  readonly losesNothing: boolean
  /** Calls in whose course something was asked: what is lost of that is not waited for. */
  readonly asked: ReadonlySet<string | number>
  readonly note: (outcome: string) => void
  readonly violate: (invariant: string, detail: string) => void
  /** The same for what has to be in time. */
  readonly late: (invariant: string, detail: string) => void
}

type OnEvent = (id: string | undefined, message: SimulatedHttp.Message | undefined) => Effect.Effect<void>

export class SimulatedClient {
  readonly #world: ClientWorld
  readonly #principal: Principal.Principal
  readonly #name: string
  /** Reads at its own pace. */
  readonly #isSlow: boolean
  #nextCall = 1
  /** Its session, and the server's side of it. */
  #id: string | undefined
  #session: SessionShape | undefined

  constructor(world: ClientWorld, name: string, principal: string) {
    this.#world = world
    this.#name = name
    this.#principal = Principal.make(principal)
    this.#isSlow = world.random.chance(0.15)
  }

  readonly live = Effect.fnUntraced({ self: this }, function*() {
    const { random } = this.#world
    for (let round = random.int(1, 3); round > 0; round--) {
      yield* Effect.sleep(random.int(0, 8000))
      yield* this.#begin()
      if (this.#id === undefined) continue
      if (random.chance(0.8)) yield* this.#post({ method: "notifications/initialized" })
      const listening = random.chance(0.5) ? yield* Effect.forkChild(this.#listen()) : undefined
      const calls: Array<Fiber.Fiber<void>> = []
      for (let count = random.int(0, 4); count > 0; count--) {
        yield* Effect.sleep(random.int(0, 3000))
        calls.push(yield* Effect.forkChild(this.#call()))
      }
      if (random.chance(0.2)) yield* this.#delete()
      yield* Fiber.awaitAll(calls)
      if (random.chance(0.4)) {
        yield* this.#delete()
        yield* this.#delete()
      }
      if (listening !== undefined) yield* Fiber.interrupt(listening)
      // Some forget the session they had, and some begin anew on top of it.
      if (random.chance(0.6)) this.#id = undefined
    }
  })

  readonly #begin = Effect.fnUntraced({ self: this }, function*() {
    const { isDraining, late, note, patience, random, violate } = this.#world
    const visit: Visited = {}
    const began = yield* Clock.currentTimeMillis
    const hello = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "simulated", version: "1" } }
    let told: string | undefined
    let text = ""
    const asking = this.#send("POST", { jsonrpc: "2.0", id: 0, method: "initialize", params: hello }, {
      onHead: (id) => void (told = id),
      onEvent: (_, message) => Effect.sync(() => void (text = JSON.stringify(message)))
    }).pipe(Effect.provideService(Visit, visit))
    const leaves = random.chance(0.3) ? random.int(0, patience) : undefined
    const heard = leaves === undefined
      ? yield* asking
      : Option.getOrUndefined(yield* this.#patiently(asking, leaves))
    const state = visit.session?.state()
    if (heard === undefined && told === undefined) {
      note("left before it was told its session")
      if (state === "connecting" || state === "active") {
        violate("a session that nobody can come back to ends when its client leaves", `${this.#name}: ${state}`)
      }
      return
    }
    if (heard !== undefined && (yield* Clock.currentTimeMillis) - began > patience) {
      late("initialize is answered in time", `${this.#name}: after ${(yield* Clock.currentTimeMillis) - began} ms`)
    }
    if (heard?.status === 503 && state === undefined) return note(isDraining() ? "refused: drain" : "refused: limit")
    if (told === undefined) {
      note(`no session: ${heard?.status}`)
      if (state === "connecting" || state === "active") {
        violate("a session that was refused ends", `${this.#name}: ${state}, ${heard?.text}`)
      }
      return
    }
    note(heard === undefined ? "left when it was told" : "told")
    if (/half-open/.test(text + (heard?.text ?? ""))) note("told that its handshake took too long")
    this.#id = told
    this.#session = visit.session
  })

  /** Asks for something, and does not rest until it knows what became of it. */
  readonly #call = Effect.fnUntraced({ self: this }, function*() {
    const { asked, isDraining, losesNothing, note, random, violate } = this.#world
    const call = `${this.#name}-${this.#nextCall++}`
    const session = this.#session
    const id = this.#id
    const seen = new Set<string>()
    const got: { place?: string; answer?: SimulatedHttp.Message } = {}
    const onEvent: OnEvent = (event, message) => {
      if (event !== undefined) {
        if (seen.has(event)) violate("no event comes twice", `${call}: ${event}`)
        if (got.place !== undefined && got.place.split("-")[0] !== event.split("-")[0]) {
          violate("a stream has its own events only", `${call}: ${event} after ${got.place}`)
        }
        // The event without data says where one is, and is none of what is said.
        if (message !== undefined) seen.add(event)
        got.place = event
      }
      if (message?.method === "elicitation/create") {
        if (message.params?.call !== call) violate("a question goes to whom it concerns", `${call}: ${message.id}`)
        if (random.chance(0.3)) return Effect.void
        return Effect.asVoid(this.#send("POST", { jsonrpc: "2.0", id: message.id, result: {} }, { id }))
      }
      if (message !== undefined && message.method === undefined) {
        if (got.answer !== undefined) violate("a call has one answer", call)
        got.answer = message
      }
      return Effect.void
    }
    const stay = () => random.chance(0.5) ? 40_000 : random.int(0, 6000)
    let heard = yield* this.#patiently(
      this.#send("POST", { jsonrpc: "2.0", id: call, method: "tools/call", params: { call } }, { id, onEvent }),
      stay()
    )
    for (let tries = 0; tries < 6 && got.answer === undefined && got.place !== undefined; tries++) {
      note("came back")
      yield* Effect.sleep(random.int(0, 4000))
      heard = yield* this.#patiently(this.#send("GET", undefined, { id, onEvent, after: got.place }), stay())
      if (heard._tag === "None" || heard.value.status === 200) continue
      const { status } = heard.value
      const isOver = session?.state() === "closing" || session?.state() === "closed"
      if (status === 404 && isOver) return note("came back too late")
      if (status === 503 && isDraining()) return note("came back while it drains")
      if (status === 400 && !isOver && (!losesNothing || asked.has(call))) return note("came back for what was lost")
      return violate("an answer is there for who comes back", `${call}: ${status} at ${got.place}, ${session?.state()}`)
    }
    const text = heard._tag === "Some" && heard.value.status === 200 ? heard.value.text : ""
    const answer: SimulatedHttp.Message | undefined = got.answer ?? (text === "" ? undefined : JSON.parse(text))
    if (answer === undefined && heard._tag === "Some" && heard.value.status === 400) {
      violate("a call that is taken is not refused", `${call}: ${heard.value.text}`)
    }
    if (answer === undefined) return note(heard._tag === "None" ? "never answered" : `refused: ${heard.value.status}`)
    const { content } = answer.result ?? {}
    if (answer.id !== call) violate("an answer goes to whom it concerns", `${call}: ${answer.id}`)
    else if (content !== undefined && content !== answerTo(call, content.length - call.length - 1)) {
      violate("an answer is whole", call)
    } else if (content !== undefined) note("answered")
    else note(/maxBufferedBytes/.test(answer.error?.message ?? "") ? "answer too large" : "ended with the session")
  })

  readonly #listen = Effect.fnUntraced({ self: this }, function*() {
    const { random } = this.#world
    const id = this.#id
    let place: string | undefined
    for (;;) {
      const heard = yield* this.#patiently(
        this.#send("GET", undefined, {
          id,
          ...(place !== undefined && { after: place }),
          onEvent: (event, message) => {
            if (event !== undefined) place = event
            // Some answer no pings.
            return message?.method === "ping" && random.chance(0.8)
              ? Effect.asVoid(this.#send("POST", { jsonrpc: "2.0", id: message.id, result: {} }, { id }))
              : Effect.void
          }
        }),
        random.int(100, 20_000)
      )
      if (heard._tag === "Some" && heard.value.status !== 200) return
      yield* Effect.sleep(random.int(0, 3000))
    }
  })

  readonly #patiently = <A>(effect: Effect.Effect<A>, millis: number) =>
    SimulatedHttp.patiently(this.#world.random, effect, millis)

  readonly #post = (message: object) => this.#send("POST", { jsonrpc: "2.0", ...message }, {})

  readonly #delete = Effect.fnUntraced({ self: this }, function*() {
    const session = this.#session
    const { status } = yield* this.#send("DELETE", undefined, {})
    this.#world.note(`deleted: ${status}`)
    const state = session?.state()
    if (state === "connecting" || state === "active") {
      this.#world.violate("a session that was deleted is over", `${this.#name}: ${state}`)
    }
  })

  readonly #send = Effect.fnUntraced({ self: this }, function*(
    this: SimulatedClient,
    method: "GET" | "POST" | "DELETE",
    body: object | undefined,
    { after, id = this.#id, onEvent = () => Effect.void, onHead = () => {} }: {
      readonly id?: string | undefined
      readonly after?: string
      readonly onEvent?: OnEvent
      readonly onHead?: (id: string | undefined) => void
    }
  ): Effect.fn.Return<SimulatedHttp.Heard> {
    const request = HttpClientRequest.make(method)("http://127.0.0.1/mcp", {
      headers: {
        accept: "application/json, text/event-stream",
        ...(id !== undefined && { "mcp-session-id": id }),
        ...(after !== undefined && { "last-event-id": after })
      }
    })
    const text = body === undefined ? request : HttpClientRequest.bodyText(request, JSON.stringify(body))
    const { random, serve } = this.#world
    const pause = this.#isSlow ? Effect.suspend(() => Effect.sleep(random.int(0, 3000))) : Effect.void
    const asked = HttpServerRequest.fromClientRequest(text)
    return yield* SimulatedHttp.exchange(serve(asked, this.#principal), {
      onHead,
      onEvent: ({ id, message }) => Effect.andThen(onEvent(id, message), pause)
    })
  })
}
