/** A client over stdio that says exactly what a test wants said, in both eras, on whatever carries its lines. */
import * as Effect from "effect/Effect"
import { eventually } from "./eventually.ts"
import type { Message } from "./rawClient.ts"

const prefix = "io.modelcontextprotocol/"

export interface Asked {
  readonly capabilities?: object
  readonly meta?: object
  readonly id?: number | string
}

export const initialize = {
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "1" } }
}

export class LineClient {
  /** All that the server has said, in order. */
  readonly said: Array<Message> = []
  readonly #write: (text: string) => void
  #nextId = 1

  constructor(write: (text: string) => void) {
    this.#write = write
  }

  /** Says a message, or anything. */
  readonly say = (message: object | string): void =>
    this.#write(typeof message === "string" ? message : `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)

  /** Sends a request with all that the newest revision wants. Returns its id. */
  readonly begin = (method: string, params: object = {}, asked: Asked = {}): number | string => {
    const { capabilities = {}, id = this.#nextId++, meta } = asked
    this.say({
      id,
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
    })
    return id
  }

  readonly beginCall = (name: string, args: object = {}, asked?: Asked & { readonly more?: object }) =>
    this.begin("tools/call", { name, arguments: args, ...asked?.more }, asked)

  readonly answersTo = (id: number | string | null): ReadonlyArray<Message> =>
    this.said.filter((message) => message.id === id && message.method === undefined)

  /** Waits for the answer. */
  readonly answer = (id: number | string | null): Effect.Effect<Message> =>
    Effect.map(
      eventually(`the answer to ${id}`, () => this.answersTo(id).length > 0),
      () => this.answersTo(id)[0] ?? {}
    )

  /** Sends a request of the newest revision, and waits for its answer. */
  readonly ask = (method: string, params?: object, asked?: Asked) =>
    Effect.suspend(() => this.answer(this.begin(method, params, asked)))

  readonly call = (name: string, args?: object, asked?: Asked & { readonly more?: object }) =>
    Effect.suspend(() => this.answer(this.beginCall(name, args, asked)))

  readonly cancel = (requestId: number | string): void =>
    this.say({ method: "notifications/cancelled", params: { requestId } })

  /** Begins a session. */
  readonly handshake = Effect.suspend(() => {
    this.say(initialize)
    return Effect.tap(
      this.answer(initialize.id),
      () => Effect.sync(() => this.say({ method: "notifications/initialized" }))
    )
  })

  /** What was said of one kind. */
  readonly told = (method: string): ReadonlyArray<Message> =>
    this.said.filter((message) => message.method === `notifications/${method}`)
}

export const wordsOf = ({ result }: Message): string | undefined => result?.content?.[0]?.text
