/** One server on every host, and a client of each that says exactly what a test wants said. */
import type { SdkServer } from "@holdfast/server/McpHost"
import type { Session } from "@holdfast/server/Session"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { eventually } from "./eventually.ts"
import * as Hosted from "./hosted.ts"
import * as Lines from "./lines.ts"
import { eventsOf, type Message, RawClient } from "./rawClient.ts"

export type Id = string | number

/** One client. */
export interface Attacker {
  /** Sends a request, and waits for its answer, for five seconds at most. `id`: default a new one. */
  readonly ask: (method: string, params?: object, id?: Id) => Effect.Effect<Message>
  readonly notify: (method: string, params?: object) => Effect.Effect<void>
  /** Sends any text where a message is expected. Returns what is said to it at once: over HTTP the answer. */
  readonly say: (text: string) => Effect.Effect<ReadonlyArray<Message>>
}

export interface AttackedHost {
  /** Another client: of a session of its own where there are sessions. Over lines there is one client. */
  readonly connect: Effect.Effect<Attacker, unknown, Scope.Scope>
}

type Open = (
  server: Effect.Effect<SdkServer, unknown, Session | Scope.Scope>,
  options?: Parameters<typeof Hosted.open>[0]
) => Effect.Effect<AttackedHost, unknown, Scope.Scope>

const prefix = "io.modelcontextprotocol/"

const modern = (params: object) => ({
  ...params,
  _meta: {
    [`${prefix}protocolVersion`]: "2026-07-28",
    [`${prefix}clientCapabilities`]: { elicitation: {} },
    [`${prefix}clientInfo`]: { name: "raw", version: "1" },
    ...("_meta" in params && typeof params._meta === "object" ? params._meta : {})
  }
})

/** The messages of a response, once it is over. */
const messagesOf = (client: RawClient, response: Response): Effect.Effect<ReadonlyArray<Message>> =>
  Effect.gen(function*() {
    if (response.headers.get("content-type")?.startsWith("text/event-stream") === true) {
      const events = eventsOf(response)
      yield* eventually("the answer ended", events.isOver)
      return events.messages()
    }
    if (response.headers.get("content-type")?.startsWith("application/json") === true) {
      return [yield* client.json(response)].flat()
    }
    yield* Effect.promise(() => response.text())
    return []
  })

const theOneOf = (messages: ReadonlyArray<Message>, id: Id | null): Message => {
  const answer = messages.find((message) => message.method === undefined && message.id === id)
  if (answer === undefined) throw new Error(`no answer to ${id}: ${JSON.stringify(messages)}`)
  return answer
}

const overHttp = (client: RawClient, head: (method: string, params: object) => Record<string, string>): Attacker => {
  let last = 100
  return {
    ask: (method, params = {}, id = ++last) =>
      Effect.flatMap(
        client.send({ jsonrpc: "2.0", id, method, params }, head(method, params)),
        (response) => Effect.map(messagesOf(client, response), (messages) => theOneOf(messages, id))
      ),
    notify: (method, params = {}) =>
      Effect.flatMap(
        client.send({ jsonrpc: "2.0", method, params }, head(method, params)),
        (response) => Effect.promise(() => response.text())
      ),
    say: (text) => Effect.flatMap(client.send(text), (response) => messagesOf(client, response))
  }
}

const withSessions: Open = (server, options) =>
  Effect.map(Hosted.open({ ...options, server }), ({ url }) => ({
    connect: Effect.gen(function*() {
      const client = new RawClient(url)
      yield* client.initialize()
      return overHttp(client, () => ({}))
    })
  }))

const withoutSessions = (keep: number): Open => (server, options) =>
  Effect.map(Hosted.open({ ...options, server, stateless: { keep } }), ({ url }) => ({
    connect: Effect.sync(() => {
      const client = new RawClient(url, { "mcp-protocol-version": "2026-07-28" })
      const caller = overHttp(client, (method, params) => ({
        "mcp-method": method,
        ...("name" in params && { "mcp-name": String(params.name) })
      }))
      return { ...caller, ask: (method, params = {}, id) => caller.ask(method, modern(params), id) }
    })
  }))

const overSse: Open = (server, options) =>
  Effect.map(Hosted.open({ ...options, server, legacySse: true }), ({ origin }) => ({
    connect: Effect.gen(function*() {
      const stream = new RawClient(`${origin}/sse`)
      const events = eventsOf(yield* stream.send(undefined, {}, "GET"))
      yield* Effect.addFinalizer(() => Effect.sync(() => events.leave()))
      yield* eventually("the endpoint", () => events.seen.length > 0)
      const poster = new RawClient(new URL(events.seen[0]?.data ?? "", `${origin}/sse`).href)
      let last = 100
      const isAnswer = (id: Id) => (message: Message) => message.method === undefined && message.id === id
      const ask: Attacker["ask"] = (method, params = {}, id = ++last) =>
        Effect.gen(function*() {
          const response = yield* poster.send({ jsonrpc: "2.0", id, method, params })
          // A refusal is told at once.
          if (response.status >= 400) return yield* poster.json(response)
          yield* eventually(`the answer to ${id}`, () => events.messages().some(isAnswer(id)))
          return events.messages().find(isAnswer(id)) ?? {}
        })
      yield* ask("initialize", {
        protocolVersion: "2024-11-05",
        capabilities: { elicitation: {} },
        clientInfo: { name: "raw", version: "1" }
      })
      return {
        ask,
        notify: (method, params = {}) => Effect.asVoid(poster.notify(method, params)),
        say: (text) => Effect.flatMap(poster.send(text), (response) => messagesOf(poster, response))
      }
    })
  }))

const overLines = (era: "legacy" | "modern"): Open => (server) =>
  Effect.gen(function*() {
    const { client } = yield* Lines.open({ server })
    if (era === "legacy") yield* client.handshake
    let last = 100
    const attacker: Attacker = {
      ask: (method, params = {}, id = ++last) =>
        Effect.suspend(() => {
          client.say({ id, method, params: era === "modern" ? modern(params) : params })
          return client.answer(id)
        }),
      notify: (method, params = {}) => Effect.sync(() => client.say({ method, params })),
      say: (text) =>
        Effect.sync(() => {
          const before = client.said.length
          client.say(text)
          return client.said.slice(before)
        })
    }
    return { connect: Effect.succeed(attacker) }
  })

export const everyHost: Readonly<Record<string, Open>> = {
  "Streamable HTTP with sessions": withSessions,
  "HTTP+SSE": overSse,
  "Streamable HTTP without sessions": withoutSessions(0),
  "Streamable HTTP without sessions, servers kept": withoutSessions(4),
  "lines in a session": overLines("legacy"),
  "lines without a session": overLines("modern")
}
