/**
 * Wraps the platform: a session with a server that the hot path has begun, as the whole program goes on with it.
 *
 * To the whole program it is a new connection. What the hot path has asked already is not asked again: the first question of a kind is
 * answered by what came for it, at once or when it comes. So a call that is under way is never sent twice, and what becomes of it
 * (progress, its loss) is told as of any other. One that the daemon leaves to others is sent now.
 */
import { notTaken } from "@holdfast/daemon/CallRequest"
import { isOurs } from "@holdfast/daemon/DeliveryError"
import * as RawMessage from "@holdfast/daemon/RawMessage"
import * as LineFraming from "@holdfast/protocol/LineFraming"
import type { Socket } from "node:net"
import { Duplex } from "node:stream"
import type { Asked } from "./hotMain.ts"

export interface BegunOptions {
  /** Nobody listens to it any more. */
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
  /** The questions of the client, of those that have and wait for their answers: by `keyOf` of the old ids. */
  readonly #renamed = new Map<string, { readonly id: string; readonly question: RawMessage.RawMessage }>()
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
      if (known.answer === undefined) this.#renamed.set(RawMessage.keyOf(known.id), { id, question: message })
      else this.#push(RawMessage.replaced(known.answer, [[RawMessage.paths.id, id]]))
      return this.#finish()
    }
    if (method === "notifications/initialized" && this.#isInitialized) {
      this.#isInitialized = false
      return
    }
    const cancelled = RawMessage.textAt(message, RawMessage.paths.cancelled)
    const [old] = [...this.#renamed].find(([, { id }]) => id === cancelled) ?? []
    const sent = method !== "notifications/cancelled" || old === undefined
      ? message
      : RawMessage.replaced(message, [[RawMessage.paths.cancelled, `${old}"`]])
    this.#send(sent)
  }

  #serverSaid(line: string): void {
    const message = messageOf(line)
    const { id, kind, method } = message
    if (kind === "response" && id !== undefined) {
      const key = RawMessage.keyOf(id)
      const renamed = this.#renamed.get(key)
      this.#renamed.delete(key)
      if (renamed !== undefined) {
        if (isNotTaken(message)) return this.#send(renamed.question)
        return this.#push(RawMessage.replaced(message, [[RawMessage.paths.id, renamed.id]]))
      }
      const early = [...this.#asked.values()].find((each) => RawMessage.keyOf(each.id) === key)
      if (early === undefined) return this.#push(message)
      if (isNotTaken(message)) this.#asked.delete("tools/call")
      else early.answer ??= message
      return
    }
    const token = method === "notifications/progress"
      ? RawMessage.textAt(message, RawMessage.paths.progress)
      : undefined
    const renamed = token === undefined ? undefined : this.#renamed.get(RawMessage.keyOf(token))
    this.#push(
      renamed === undefined ? message : RawMessage.replaced(message, [[RawMessage.paths.progress, renamed.id]])
    )
  }

  #send({ text }: RawMessage.RawMessage): void {
    if (this.#socket.writable) this.#socket.write(`${text}\n`)
  }

  #push({ text }: RawMessage.RawMessage): void {
    this.push(`${text}\n`)
  }

  /** A loss is told when the call that it concerns has been made. */
  #finish(): void {
    if (this.#hasEnded && !this.#asked.has("tools/call")) this.push(null)
  }
}

/** The daemon has left it to its client. */
const isNotTaken = (message: RawMessage.RawMessage): boolean =>
  isOurs(message) &&
  RawMessage.membersOf(RawMessage.membersOf(message.value["error"])["data"])["reason"] === notTaken

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
