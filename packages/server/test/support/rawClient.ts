/** A client that says exactly what a test wants said: bare `fetch`, with the session's id kept. */
import * as ServerSentEvents from "@holdfast/protocol/ServerSentEvents"
import * as Effect from "effect/Effect"
import { Buffer } from "node:buffer"

export interface Event {
  readonly id: string | undefined
  readonly event: string
  readonly data: string
}

export interface Events {
  readonly seen: ReadonlyArray<Event>
  /** The messages among them. */
  readonly messages: () => ReadonlyArray<Message>
  readonly comments: () => number
  /** Of whatever had one, the event without data that a stream begins with included. */
  readonly lastEventId: () => string
  readonly isOver: () => boolean
  readonly leave: () => void
}

export interface Message {
  readonly id?: unknown
  readonly method?: string
  readonly params?: { readonly [name: string]: unknown }
  readonly result?: {
    readonly content?: ReadonlyArray<{ readonly type: string; readonly text: string }>
    readonly [name: string]: unknown
  }
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown }
}

export class RawClient {
  readonly url: string
  readonly headers: Record<string, string>
  #nextId = 1

  constructor(url: string, headers: Record<string, string> = {}) {
    this.url = url
    this.headers = {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...headers
    }
  }

  readonly send = (body: unknown, headers: Record<string, string> = {}, method = "POST") =>
    Effect.promise((signal) =>
      fetch(this.url, {
        method,
        signal,
        headers: { ...this.headers, ...headers },
        ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) })
      })
    )

  readonly request = (method: string, params: object = {}, headers: Record<string, string> = {}) =>
    this.send({ jsonrpc: "2.0", id: this.#nextId++, method, params }, headers)

  /** The one answer in JSON. */
  readonly json = (response: Response): Effect.Effect<Message> =>
    // A test that gets something else fails at what it looks for.
    Effect.promise(() => response.json() as Promise<Message>)

  readonly notify = (method: string, params: object = {}) => this.send({ jsonrpc: "2.0", method, params })

  readonly initialize = (revision = "2025-11-25") =>
    Effect.gen({ self: this }, function*() {
      const response = yield* this.request("initialize", {
        protocolVersion: revision,
        capabilities: {},
        clientInfo: { name: "raw", version: "1" }
      })
      const id = response.headers.get("mcp-session-id")
      if (id !== null) this.headers["mcp-session-id"] = id
      this.headers["mcp-protocol-version"] = revision
      const answer = yield* this.json(response)
      const accepted = yield* this.notify("notifications/initialized")
      yield* Effect.promise(() => accepted.text())
      return { response, answer }
    })

  readonly call = (name: string, args: object = {}, meta?: object) =>
    this.request("tools/call", { name, arguments: args, ...(meta !== undefined && { _meta: meta }) })

  readonly stream = (lastEventId?: string) =>
    Effect.map(
      this.send(undefined, lastEventId === undefined ? {} : { "last-event-id": lastEventId }, "GET"),
      (response) => ({ response, events: eventsOf(response) })
    )
}

/** Reads a stream of events in the background, until it ends or is left. */
export const eventsOf = (response: Response): Events => {
  const seen: Array<Event> = []
  let comments = 0
  let isOver = false
  const parser = ServerSentEvents.make({
    maxEventBytes: 1 << 26,
    onEvent: ({ data, event, lastEventId }) => void seen.push({ id: lastEventId, event, data })
  })
  const reader = response.body?.getReader()
  const read = async (): Promise<void> => {
    try {
      for (;;) {
        const part = await reader?.read()
        if (part === undefined || part.done) break
        const bytes = Buffer.from(part.value)
        comments += bytes.toString("latin1").split("\n").filter((line) => line.startsWith(":")).length
        parser.push(bytes)
      }
    } catch {
      // However it ends, it is over.
    }
    isOver = true
  }
  void read()
  return {
    seen,
    messages: () =>
      seen.filter(({ data, event }) => event === "message" && data !== "").map(({ data }) => JSON.parse(data)),
    comments: () => comments,
    lastEventId: () => parser.lastEventId(),
    isOver: () => isOver,
    leave: () => void reader?.cancel()
  }
}
