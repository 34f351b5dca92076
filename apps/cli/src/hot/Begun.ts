/**
 * Wraps the platform: a call that the hot path has begun, as the whole program goes on with it.
 *
 * To the whole program its session is a new connection. What the hot path has asked already is not asked again: the first question of its kind
 * is answered by what came for it, at once or when it comes. So a call that is under way is never sent twice, and what becomes of it
 * (progress, its loss) is told as of any other. One that the daemon leaves to others is sent now.
 */
import { notTaken } from "@holdfast/daemon/CallRequest"
import type { BegunCall } from "@holdfast/daemon/DaemonLink"
import { isOurs } from "@holdfast/daemon/DeliveryError"
import * as RawMessage from "@holdfast/daemon/RawMessage"
import * as LineFraming from "@holdfast/protocol/LineFraming"
import type { Socket } from "node:net"
import { Duplex } from "node:stream"
import { daemonEnded } from "./PlainAnswer.ts"
import type { Session } from "./Session.ts"

/** For the servers of the whole program. */
export class Begun implements BegunCall {
  readonly connection: Duplex | undefined
  #loss: string | undefined

  constructor(session: Session) {
    if (session._tag === "Lost") this.#loss = session.description
    else {
      this.connection = new BegunSession(session, () => {
        this.#loss = daemonEnded
      })
    }
  }

  takeLoss(): string | undefined {
    const loss = this.#loss
    this.#loss = undefined
    return loss
  }
}

class BegunSession extends Duplex {
  readonly #socket: Socket
  /** The question of the hot path, until it has been asked again. */
  #asked:
    | {
      readonly id: string
      readonly method: string
      answer: RawMessage.RawMessage | undefined
      /** How far the call is, for as long as the client has not asked. */
      progress: RawMessage.RawMessage | undefined
    }
    | undefined
  /** The question of the client, if it has and waits for its answer. */
  #renamed: { readonly old: string; readonly id: string; readonly question: RawMessage.RawMessage } | undefined
  readonly #fromClient = linesOf((line) => this.#clientSaid(line))
  readonly #onLoss: () => void

  constructor({ asked: { answer, id, method }, rest, socket }: Extract<Session, { _tag: "Open" }>, onLoss: () => void) {
    super({ allowHalfOpen: false })
    this.#socket = socket
    this.#onLoss = onLoss
    this.#asked = {
      id: JSON.stringify(id),
      method,
      answer: answer === undefined ? undefined : messageOf(answer),
      progress: undefined
    }
    const fromServer = linesOf((line) => this.#serverSaid(messageOf(line)))
    fromServer.push(rest)
    const end = (): void => {
      // The call is not to be sent again, when it is made.
      if (this.#asked?.method === "tools/call") {
        this.#asked = undefined
        this.#onLoss()
      }
      this.push(null)
    }
    socket.on("data", (chunk: Buffer) => fromServer.push(chunk)).once("end", end)
    if (socket.destroyed) end()
    else socket.once("close", end).resume()
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
    const asked = this.#asked
    if (asked !== undefined && asked.method === method && id !== undefined) {
      this.#asked = undefined
      if (asked.answer !== undefined) return this.#push(RawMessage.replaced(asked.answer, [[RawMessage.paths.id, id]]))
      this.#renamed = { old: asked.id, id, question: message }
      return asked.progress && this.#serverSaid(asked.progress)
    }
    const renamed = this.#renamed
    const isOfCall = renamed !== undefined && method === "notifications/cancelled" &&
      RawMessage.textAt(message, RawMessage.paths.cancelled) === renamed.id
    this.#send(isOfCall ? RawMessage.replaced(message, [[RawMessage.paths.cancelled, renamed.old]]) : message)
  }

  #serverSaid(message: RawMessage.RawMessage): void {
    const { id, kind, method } = message
    const renamed = this.#renamed
    if (kind === "response") {
      if (renamed !== undefined && id === renamed.old) {
        this.#renamed = undefined
        if (isNotTaken(message)) return this.#send(renamed.question)
        return this.#push(RawMessage.replaced(message, [[RawMessage.paths.id, renamed.id]]))
      }
      if (this.#asked === undefined || id !== this.#asked.id) return this.#push(message)
      if (isNotTaken(message)) this.#asked = undefined
      else this.#asked.answer ??= message
      return
    }
    const token = method === "notifications/progress"
      ? RawMessage.textAt(message, RawMessage.paths.progress)
      : undefined
    if (token !== undefined && token === this.#asked?.id) {
      this.#asked.progress = message
      return
    }
    this.#push(
      renamed !== undefined && token === renamed.old
        ? RawMessage.replaced(message, [[RawMessage.paths.progress, renamed.id]])
        : message
    )
  }

  #send({ text }: RawMessage.RawMessage): void {
    if (this.#socket.writable) this.#socket.write(`${text}\n`)
  }

  #push({ text }: RawMessage.RawMessage): void {
    this.push(`${text}\n`)
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
