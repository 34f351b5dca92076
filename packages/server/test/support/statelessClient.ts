/** A client of revision 2026-07-28 that says exactly what a test wants said. */
import * as Effect from "effect/Effect"
import { eventually } from "./eventually.ts"
import { type Events, eventsOf, type Message, RawClient } from "./rawClient.ts"

const prefix = "io.modelcontextprotocol/"

export interface Asked {
  readonly capabilities?: object
  readonly meta?: object
  readonly headers?: Record<string, string>
}

export interface Outcome {
  readonly status: number
  readonly message: Message
  /** What came before it, if it came in a stream. */
  readonly before: ReadonlyArray<Message>
}

export interface Question {
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
}

export class StatelessClient {
  readonly #raw: RawClient
  #nextId = 1

  constructor(url: string, headers: Record<string, string> = {}) {
    this.#raw = new RawClient(url, { "mcp-protocol-version": "2026-07-28", ...headers })
  }

  /** Sends a request, with all that the revision wants. */
  readonly ask = (method: string, params: object = {}, asked: Asked = {}) => {
    const { capabilities = {}, headers, meta } = asked
    const named = params as { readonly name?: string; readonly uri?: string; readonly taskId?: string }
    const name = named.name ?? named.uri ?? named.taskId
    return this.#raw.send({
      jsonrpc: "2.0",
      id: this.#nextId++,
      method,
      params: {
        ...params,
        _meta: {
          [`${prefix}protocolVersion`]: "2026-07-28",
          [`${prefix}clientCapabilities`]: capabilities,
          [`${prefix}clientInfo`]: { name: "raw", version: "1" },
          ...meta
        }
      }
    }, { "mcp-method": method, ...(name !== undefined && { "mcp-name": name }), ...headers })
  }

  /** Sends a request, and waits for the last word to it. */
  readonly outcome = (method: string, params?: object, asked?: Asked): Effect.Effect<Outcome> =>
    Effect.gen({ self: this }, function*() {
      const response = yield* this.ask(method, params, asked)
      const { status } = response
      if (!(response.headers.get("content-type") ?? "").startsWith("text/event-stream")) {
        return { status, message: yield* this.#raw.json(response), before: [] }
      }
      const events = eventsOf(response)
      yield* eventually("the answer ended", events.isOver)
      const messages = events.messages()
      return { status, message: messages.at(-1) ?? {}, before: messages.slice(0, -1) }
    })

  readonly call = (name: string, args: object = {}, asked?: Asked & { readonly more?: object }) =>
    this.outcome("tools/call", { name, arguments: args, ...asked?.more }, asked)

  /** Begins a call, and leaves it there. */
  readonly begin = (name: string, args: object = {}, asked?: Asked) =>
    this.ask("tools/call", { name, arguments: args }, asked)

  /** Listens for what is asked, once it is acknowledged. */
  readonly listen = (notifications: object): Effect.Effect<Events> =>
    Effect.gen({ self: this }, function*() {
      const events = eventsOf(yield* this.ask("subscriptions/listen", { notifications }))
      yield* eventually("the acknowledgement", () => events.messages().length > 0)
      return events
    })
}

export const textOf = ({ message }: Outcome): string | undefined => message.result?.content?.[0]?.text

/** What the client has to come back with, and what it was asked. */
export const roundOf = ({ message: { result = {} } }: Outcome) => {
  // A test that gets something else fails at what it looks for.
  const { inputRequests = {}, requestState, resultType } = result as {
    readonly inputRequests?: Readonly<Record<string, Question>>
    readonly requestState?: string
    readonly resultType?: string
  }
  return { keys: Object.keys(inputRequests), inputRequests, requestState, resultType }
}
