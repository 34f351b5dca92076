/** A client of the old transport: one stream that is the session, and a POST for every message. It leaves when it likes. */
import * as Principal from "@holdfast/protocol/Principal"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import { type ClientWorld, Visit, type Visited } from "./SimulatedClient.ts"
import * as SimulatedHttp from "./SimulatedHttp.ts"
import { answerTo } from "./SimulatedServer.ts"

export interface SseWorld extends ClientWorld {
  readonly open: ClientWorld["serve"]
  readonly post: ClientWorld["serve"]
}

export class SimulatedSseClient {
  readonly #world: SseWorld
  readonly #principal: Principal.Principal
  readonly #name: string
  /** What was asked and not yet answered. */
  readonly #waiting = new Set<string | number>()
  #nextCall = 1

  constructor(world: SseWorld, name: string, principal: string) {
    this.#world = world
    this.#name = name
    this.#principal = Principal.make(principal)
  }

  readonly live = Effect.fnUntraced({ self: this }, function*(this: SimulatedSseClient) {
    const { random } = this.#world
    for (let round = random.int(1, 3); round > 0; round--) {
      yield* Effect.sleep(random.int(0, 8000))
      yield* this.#stay()
    }
  })

  readonly #stay = Effect.fnUntraced({ self: this }, function*(this: SimulatedSseClient) {
    const { isDraining, note, open, random, violate } = this.#world
    const visit: Visited = {}
    let endpoint = ""
    let working: Fiber.Fiber<void> | undefined
    this.#waiting.clear()
    const request = HttpClientRequest.make("GET")("http://127.0.0.1/sse", { headers: { accept: "text/event-stream" } })
    const reading = SimulatedHttp.exchange(open(HttpServerRequest.fromClientRequest(request), this.#principal), {
      onHead: () => {},
      onEvent: ({ data = "", message }) =>
        Effect.gen({ self: this }, function*() {
          if (message?.method === "ping" && random.chance(0.8)) yield* this.#answer(endpoint, message.id)
          if (message !== undefined) return this.#hear(message)
          endpoint = data
          working = yield* Effect.forkDetach(this.#work(data))
        })
    }).pipe(Effect.provideService(Visit, visit))
    const heard = yield* SimulatedHttp.patiently(random, reading, random.int(0, 30_000))
    if (working !== undefined) yield* Fiber.interrupt(working)
    const state = visit.session?.state()
    if (state === "connecting" || state === "active") {
      violate("a session of the old transport ends with its stream", `${this.#name}: ${state}`)
    }
    if (heard._tag === "None") return note("sse: left")
    const { status } = heard.value
    if (status === 503 && state === undefined) return note(isDraining() ? "sse refused: drain" : "sse refused: limit")
    note(`sse: ${status}`)
    // Whoever is taken for gone is told nothing more. Everybody else learns what becomes of all that they have asked.
    if (status === 200 && this.#waiting.size > 0 && visit.reason !== "vanished") {
      violate("no request is left hanging", `${this.#name}: ${[...this.#waiting].join()}`)
    }
  })

  #hear({ error, id, method, params, result }: SimulatedHttp.Message): void {
    const { note, violate } = this.#world
    if (method !== undefined) {
      if (method === "elicitation/create" && !String(params?.call).startsWith(`${this.#name}-`)) {
        violate("a question goes to whom it concerns", `${this.#name}: ${params?.call}`)
      }
      return
    }
    if (id === undefined || !this.#waiting.delete(id)) violate("a request has one answer", `${this.#name}: ${id}`)
    const { content } = result ?? {}
    if (content !== undefined && content !== answerTo(String(id), content.length - String(id).length - 1)) {
      violate("an answer is whole", `${this.#name}: ${id}`)
    }
    note(error === undefined ? "sse: answered" : "sse: ended with the session")
  }

  readonly #work = Effect.fnUntraced({ self: this }, function*(this: SimulatedSseClient, endpoint: string) {
    const { random } = this.#world
    const hello = { protocolVersion: "2024-11-05", capabilities: {}, clientInfo: { name: "simulated", version: "1" } }
    if (random.chance(0.9)) {
      yield* this.#post(endpoint, { id: `${this.#name}-hello`, method: "initialize", params: hello })
      yield* Effect.sleep(random.int(0, 2000))
    }
    if (random.chance(0.8)) yield* this.#post(endpoint, { method: "notifications/initialized" })
    for (let count = random.int(0, 4); count > 0; count--) {
      yield* Effect.sleep(random.int(0, 3000))
      const call = `${this.#name}-${this.#nextCall++}`
      yield* this.#post(endpoint, { id: call, method: "tools/call", params: { call } })
    }
  })

  readonly #answer = (endpoint: string, id: string | number | undefined) =>
    Effect.asVoid(this.#send(endpoint, { jsonrpc: "2.0", id, result: {} }))

  readonly #send = (endpoint: string, message: object) => {
    const empty = HttpClientRequest.make("POST")(`http://127.0.0.1/${endpoint}`)
    const request = HttpServerRequest.fromClientRequest(HttpClientRequest.bodyText(empty, JSON.stringify(message)))
    const nothing = { onHead: () => {}, onEvent: () => Effect.void }
    return SimulatedHttp.exchange(this.#world.post(request, this.#principal), nothing)
  }

  readonly #post = Effect.fnUntraced({ self: this }, function*(
    this: SimulatedSseClient,
    endpoint: string,
    message: { readonly id?: string; readonly method: string; readonly params?: object }
  ) {
    if (message.id !== undefined) this.#waiting.add(message.id)
    const { status } = yield* this.#send(endpoint, { jsonrpc: "2.0", ...message })
    if (status !== 202 && message.id !== undefined) this.#waiting.delete(message.id)
    this.#world.note(`sse posted: ${status}`)
  })
}
