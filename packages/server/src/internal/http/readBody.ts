/**
 * The text of a request's body, of as many bytes as the limit around it allows (`MaxBodySize`).
 *
 * Wraps the platform: a body that Node reads is taken from its events. A stream of Effect's costs more than all else that is done for a small request,
 * and waits for the end of the request besides. Everything that is not so plain is left to Effect: a body that something else has begun to read, one
 * that its client wants leave for, HTTP/2, a `Request` of the web.
 */
import * as Effect from "effect/Effect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import { IncomingMessage } from "node:http"

/** Why there is none. */
export type BodyFault = "too large" | "unreadable"

export const readBody = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<string, BodyFault> => {
  const { source } = request
  return source instanceof IncomingMessage && isPlain(source)
    ? Effect.withFiber((fiber) => {
      const limit = fiber.getRef(HttpIncomingMessage.MaxBodySize)
      return ofNode(source, limit === undefined ? Number.POSITIVE_INFINITY : Number(limit))
    })
    : Effect.mapError(
      request.text,
      ({ reason }) =>
        reason._tag === "RequestParseError" && reason.reason === "BodyTooLarge" ? "too large" : "unreadable"
    )
}

const isPlain = (source: IncomingMessage): boolean =>
  source.readableFlowing === null && !source.readableEnded && !source.destroyed && source.listenerCount("data") === 0 &&
  source.headers.expect === undefined

const ofNode = (source: IncomingMessage, limit: number): Effect.Effect<string, BodyFault> =>
  Effect.callback((resume) => {
    const chunks: Array<Buffer> = []
    let bytes = 0
    const done = (answer: Effect.Effect<string, BodyFault>): void => {
      quiet()
      resume(answer)
    }
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length
      if (bytes <= limit) return void chunks.push(chunk)
      source.pause()
      done(Effect.fail("too large"))
    }
    const onEnd = (): void => done(Effect.succeed(textOf(chunks)))
    const onLoss = (): void => done(Effect.fail("unreadable"))
    const quiet = (): void => {
      source.off("data", onData).off("end", onEnd).off("error", onLoss).off("close", onLoss)
    }
    source.on("data", onData).on("end", onEnd).on("error", onLoss).on("close", onLoss)
    return Effect.sync(quiet)
  })

/** Clients may begin with a mark of the order of bytes: it is no part of the text. */
const textOf = (chunks: ReadonlyArray<Buffer>): string => {
  const [first] = chunks
  const text = (chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks)).toString("utf8")
  return text.startsWith("\ufeff") ? text.slice(1) : text
}
