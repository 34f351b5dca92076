/** A message as it was heard: the same shape for all, because one is made for every message, and few are ever read. */
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type { Message } from "../../Recording.ts"

export class HeardMessage {
  readonly connection: number
  readonly at: number
  readonly from: Message["from"]
  readonly kind: Message["kind"]
  readonly id: JsonRpc.RequestId | null | undefined
  readonly method: string | undefined
  readonly name: string | undefined
  readonly size: number
  /** When the request was handed over that it answers. */
  readonly askedAt: number | undefined
  readonly headers: Readonly<Record<string, string>> | undefined
  body: unknown
  omitted = false

  constructor(
    connection: number,
    at: number,
    from: Message["from"],
    kind: Message["kind"],
    id: JsonRpc.RequestId | null | undefined,
    method: string | undefined,
    name: string | undefined,
    size: number,
    askedAt: number | undefined,
    headers: Readonly<Record<string, string>> | undefined,
    body: unknown
  ) {
    this.connection = connection
    this.at = at
    this.from = from
    this.kind = kind
    this.id = id
    this.method = method
    this.name = name
    this.size = size
    this.askedAt = askedAt
    this.headers = headers
    this.body = body
  }

  toEvent(): Message {
    const { askedAt, at, body, connection, from, headers, id, kind, method, name, omitted, size } = this
    return {
      event: "message",
      at: micros(at),
      connection,
      from,
      kind,
      ...(id !== undefined && { id }),
      ...(method !== undefined && { method }),
      ...(name !== undefined && { name }),
      size,
      ...(askedAt !== undefined && { took: micros(at - askedAt) }),
      ...(headers !== undefined && { headers: Object.keys(headers) }),
      ...(body !== undefined && { body }),
      ...(omitted && { omitted })
    }
  }
}

/** Milliseconds, to the microsecond. */
export const micros = (millis: number): number => Math.round(millis * 1000) / 1000
