/**
 * Wraps the platform: a session with a server that the hot path has begun, as the whole program goes on with it.
 *
 * To the whole program it is a new connection. What the hot path has asked already is not asked again: the first question of a kind is
 * answered by what came for it, at once or when it comes. So a call that is under way is never sent twice, and what becomes of it
 * (progress, its loss) is told as of any other.
 */
import * as RawMessage from "@holdfast/daemon/RawMessage"
import * as LineFraming from "@holdfast/protocol/LineFraming"
import type { Socket } from "node:net"
import { Duplex } from "node:stream"
import type { Asked } from "./HotCall.ts"

export interface BegunOptions {
  /** It has no listeners left. */
  readonly socket: Socket
  /** By the ids of the hot path. */
  readonly asked: ReadonlyMap<string, Asked>
  /** What came and was not read: the beginning of a line. */
  readonly rest: Buffer
}

export class Begun extends Duplex {
  readonly #socket: Socket
  /** Questions of the hot path that have not been asked again, by their methods. */
  readonly #asked = new Map<string, { readonly id: string; answer: RawMessage.RawMessage | undefined }>()
  /** The new ids, as they are written, of those that have and wait for their answers: by `keyOf` of the old ones. */
  readonly #renamed = new Map<string, string>()
  readonly #fromClient = linesOf((line) => this.#clientSaid(line))
  /** The server has been told that it is known. */
  #isInitialized = false
  #hasEnded = false

  constructor({ asked, rest, socket }: BegunOptions) {
    super({ allowHalfOpen: false })
    this.#socket = socket
    for (const [id, { answer, method }] of asked) {
      this.#asked.set(method, { id: JSON.stringify(id), answer: answer === undefined ? undefined : messageOf(answer) })
    }
    this.#isInitialized = this.#asked.has("initialize")
    const fromServer = linesOf((line) => this.#serverSaid(line))
    fromServer.push(rest)
    const end = (): void => {
      this.#hasEnded = true
      this.#finish()
    }
    socket.on("data", (chunk: Buffer) => fromServer.push(chunk)).once("end", end).once("close", end)
    if (socket.destroyed) end()
    else socket.resume()
  }

  override _read(): void {}

  override _write(chunk: Buffer, _: BufferEncoding, callback: () => void): void {
    this.#fromClient.push(chunk)
    callback()
  }

  override _final(callback: () => void): void {
    this.#socket.end()
    callback()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    // What was written last is to arrive.
    this.#socket.end()
    this.#socket.unref()
    callback(error)
  }

  #clientSaid(line: string): void {
    const message = messageOf(line)
    const { id, method = "" } = message
    const known = this.#asked.get(method)
    if (known !== undefined && id !== undefined) {
      this.#asked.delete(method)
      if (known.answer === undefined) this.#renamed.set(RawMessage.keyOf(known.id), id)
      else this.#push(RawMessage.replaced(known.answer, [[RawMessage.paths.id, id]]))
      return this.#finish()
    }
    if (method === "notifications/initialized" && this.#isInitialized) {
      this.#isInitialized = false
      return
    }
    const cancelled = RawMessage.textAt(message, RawMessage.paths.cancelled)
    const [old] = [...this.#renamed].find(([, id]) => id === cancelled) ?? []
    const sent = method !== "notifications/cancelled" || old === undefined
      ? message
      : RawMessage.replaced(message, [[RawMessage.paths.cancelled, `${old}"`]])
    if (this.#socket.writable) this.#socket.write(`${sent.text}\n`)
  }

  #serverSaid(line: string): void {
    const message = messageOf(line)
    const { id, kind, method } = message
    if (kind === "response" && id !== undefined) {
      const key = RawMessage.keyOf(id)
      const renamed = this.#renamed.get(key)
      this.#renamed.delete(key)
      if (renamed !== undefined) return this.#push(RawMessage.replaced(message, [[RawMessage.paths.id, renamed]]))
      const early = [...this.#asked.values()].find((each) => RawMessage.keyOf(each.id) === key)
      if (early === undefined) return this.#push(message)
      early.answer ??= message
      return
    }
    const token = method === "notifications/progress"
      ? RawMessage.textAt(message, RawMessage.paths.progress)
      : undefined
    const renamed = token === undefined ? undefined : this.#renamed.get(RawMessage.keyOf(token))
    this.#push(renamed === undefined ? message : RawMessage.replaced(message, [[RawMessage.paths.progress, renamed]]))
  }

  #push({ text }: RawMessage.RawMessage): void {
    this.push(`${text}\n`)
  }

  /** A loss is told when the call that it concerns has been made. */
  #finish(): void {
    if (this.#hasEnded && !this.#asked.has("tools/call")) this.push(null)
  }
}

const linesOf = (onLine: (line: string) => void): LineFraming.LineFraming =>
  // What is no line of text is passed on as what it is: nothing that can be read.
  LineFraming.make({ onLine, onFault: ({ head }) => onLine(head) })

/** Noise is passed on as it is, as a notification would be. */
const messageOf = (line: string): RawMessage.RawMessage => {
  const messages = RawMessage.read(line)
  const [only, ...more] = typeof messages === "string" ? [] : messages
  return only !== undefined && more.length === 0
    ? only
    : { kind: "notification", text: line, id: undefined, method: undefined, value: {} }
}
