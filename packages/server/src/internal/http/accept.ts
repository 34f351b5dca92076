/**
 * What a client accepts for an answer: JSON, a stream of events, or both. Of several ranges that fit the most specific counts, and says how much
 * it is wanted; a header that is missing or empty accepts everything.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-accept
 */
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import { refusal } from "./httpAnswers.ts"

/** What has headers. */
interface Asking {
  readonly headers: { readonly [name: string]: string | undefined }
}

export interface Accepted {
  /** An answer may be one JSON body, and nothing is wanted more. */
  readonly json: boolean
  /** An answer may be a stream. */
  readonly stream: boolean
}

export const acceptedBy = ({ headers }: Asking): Accepted => {
  const accept = headers["accept"]
  if (accept === both) return { json: true, stream: true }
  if (accept === undefined || accept.trim() === "") return { json: true, stream: true }
  const ranges = accept.split(",").map(readRange)
  const json = weightOf("application/json", ranges)
  const stream = weightOf("text/event-stream", ranges)
  return { json: json > 0 && json >= stream, stream: stream > 0 }
}

/** The answer to requests whose own answers the client would not take. Undefined: it would, or asks for none. */
export const refuseFormat = (
  asking: Asking,
  messages: ReadonlyArray<JsonRpc.Incoming>
): HttpServerResponse.HttpServerResponse | undefined => {
  const asked = messages.find((message) => message._tag === "Request")
  if (asked === undefined) return undefined
  const { json, stream } = acceptedBy(asking)
  return json || stream
    ? undefined
    : refusal(406, "answers are application/json or text/event-stream: accept both", { id: asked.id })
}

/** As nearly every client says it. */
const both = "application/json, text/event-stream"

interface Range {
  readonly name: string
  readonly weight: number
}

const readRange = (text: string): Range => {
  const [name = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase())
  const stated = parameters.map((parameter) => /^q\s*=\s*(\d?\.?\d+)$/.exec(parameter)?.[1]).find((q) =>
    q !== undefined
  )
  // Old clients of Java write `*` alone.
  return { name: name === "*" ? "*/*" : name, weight: stated === undefined ? 1 : Number(stated) }
}

const weightOf = (type: string, ranges: ReadonlyArray<Range>): number => {
  for (const name of [type, `${type.slice(0, type.indexOf("/"))}/*`, "*/*"]) {
    const fitting = ranges.filter((range) => range.name === name)
    if (fitting.length > 0) return Math.max(...fitting.map(({ weight }) => weight))
  }
  return 0
}
