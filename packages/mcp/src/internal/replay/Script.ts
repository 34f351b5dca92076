/**
 * A recording as something that can be played: for each connection what its client said, and what came of each of these.
 *
 * What the server said belongs to the request it answers, fails or reports on (by id, progress token, subscription). What it said of its own
 * accord belongs to the last request that had no answer yet, or else to the last message of the client, and so does its end: nothing else
 * tells a server in virtual time when. Where it asked the client something, what belongs to the same request waits for the client's answer.
 */
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as ModernEra from "@holdfast/protocol/ModernEra"
import type { LinkClosed, LinkFailure } from "../../Link.ts"
import type { ConnectReason } from "../../McpRuntimeError.ts"
import { type Event, type Message, type Recording, RecordingInvalid } from "../../Recording.ts"
import { ownId } from "../link/answeredBy.ts"

/** One thing that a server does. */
export type Act =
  /** A message. `isOwn`: it bears the id of the request that it belongs to, which is another one when it is played. */
  | { readonly _tag: "Say"; readonly message: Message; readonly isOwn: boolean }
  | { readonly _tag: "Misread"; readonly frame: JsonRpc.Malformed; readonly isOwn: boolean }
  | { readonly _tag: "Lose"; readonly failure: LinkFailure }
  | { readonly _tag: "Warn"; readonly text: string }
  | { readonly _tag: "Close"; readonly closed: LinkClosed }

export interface Step {
  /** Milliseconds after the step before it, or after the message that it belongs to, or after the answers that it waits for. */
  readonly after: number
  /** The questions of the server that the client must have answered. */
  readonly awaits: ReadonlyArray<JsonRpc.RequestId>
  readonly act: Act
}

/** A message of the client, and what came of it. */
export interface Exchange {
  readonly message: Message
  /** Its line in the file. */
  readonly line: number
  readonly steps: ReadonlyArray<Step>
}

export interface RecordedConnection {
  readonly transport: "stdio" | "http" | "sse"
  /** It was never open. */
  readonly unopened: ConnectReason | undefined
  /** What came before the client had said anything. */
  readonly opening: ReadonlyArray<Step>
  readonly exchanges: ReadonlyArray<Exchange>
}

export interface Script {
  readonly server: string
  readonly connections: ReadonlyArray<RecordedConnection>
}

/** Throws `RecordingInvalid` where nothing can be played. `server`: which of several; the only one need not be said. */
export const make = ({ events, head }: Recording, server: string | undefined): Script => {
  const opened = events.flatMap((event) => event.event === "opened" ? [event] : [])
  const names = [...new Set(opened.map((event) => event.server))]
  const [only] = names
  const meant = server ?? only
  const wrong = (problem: string) => new RecordingInvalid({ problem })
  if (meant === undefined) throw wrong("nothing can be replayed: no connection was opened while it was recorded")
  if (server === undefined && names.length > 1) {
    throw wrong(`it has several servers (${names.join(", ")}): say which one is to be replayed`)
  }
  if (!names.includes(meant)) throw wrong(`it has no server "${meant}"; it has ${names.join(", ")}`)
  if (!head.bodies) throw wrong("nothing can be replayed: only the heads of messages were recorded. Record with bodies")
  const connections = opened.filter((event) => event.server === meant).map(({ connection, transport }) =>
    connectionOf(events, connection, transport)
  )
  return { server: meant, connections }
}

interface Draft {
  readonly message: Message | undefined
  readonly line: number
  readonly steps: Array<Step>
  /** When the last of it was. */
  at: number
  /** Answers of the client since. */
  awaits: Array<JsonRpc.RequestId>
}

const connectionOf = (
  events: ReadonlyArray<Event>,
  connection: number,
  transport: RecordedConnection["transport"]
): RecordedConnection => {
  const opening: Draft = { message: undefined, line: 0, steps: [], at: 0, awaits: [] }
  const drafts: Array<Draft> = []
  const asked = new Map<JsonRpc.RequestId, Draft>()
  const tokens = new Map<unknown, Draft>()
  const pending = new Set<Draft>()
  const questions = new Map<JsonRpc.RequestId, Draft>()
  let last = opening
  let unopened: ConnectReason | undefined
  const add = (draft: Draft, at: number, act: Act): void => {
    draft.steps.push({ after: Math.max(0, at - draft.at), awaits: draft.awaits, act })
    draft.at = at
    draft.awaits = []
  }
  const cause = (): Draft => pending.has(last) ? last : [...pending].at(-1) ?? last
  for (const [index, event] of events.entries()) {
    if (event.connection !== connection) continue
    switch (event.event) {
      case "opened":
        opening.at = event.at
        break
      case "unopened":
        unopened = event.reason
        break
      case "message": {
        if (event.from === "client") {
          if (event.kind === "answer" || event.kind === "error") {
            if (event.id === undefined || event.id === null) break
            const asker = questions.get(event.id)
            if (asker === undefined) break
            asker.awaits.push(event.id)
            asker.at = event.at
            break
          }
          // The head is the first line.
          last = { message: event, line: index + 2, steps: [], at: event.at, awaits: [] }
          drafts.push(last)
          if (event.id !== undefined && event.id !== null) {
            asked.set(ownId(event.id), last)
            pending.add(last)
          }
          const token = progressTokenOf(event)
          if (token !== undefined) tokens.set(token, last)
          break
        }
        if (event.omitted === true) break
        const own = ownerOf(event, asked, tokens)
        const draft = own ?? cause()
        if (own !== undefined && event.kind !== "notification") pending.delete(own)
        if (event.kind === "request" && event.id !== undefined && event.id !== null) questions.set(event.id, draft)
        if (event.kind === "malformed") {
          add(draft, event.at, { _tag: "Misread", frame: malformedOf(event), isOwn: own !== undefined })
        } else add(draft, event.at, { _tag: "Say", message: event, isOwn: own !== undefined })
        break
      }
      case "lost": {
        const own = event.id === undefined ? undefined : asked.get(ownId(event.id))
        if (own === undefined) break
        pending.delete(own)
        add(own, event.at, { _tag: "Lose", failure: event.failure })
        break
      }
      case "stderr":
        add(cause(), event.at, { _tag: "Warn", text: event.text })
        break
      case "closed":
        // It was our side that closed it.
        if (event.closed._tag !== "Released") add(cause(), event.at, { _tag: "Close", closed: event.closed })
        break
      case "forgotten": {
        const own = asked.get(ownId(event.id))
        if (own !== undefined) pending.delete(own)
        break
      }
      case "skipped":
        break
    }
  }
  return {
    transport,
    unopened,
    opening: opening.steps,
    exchanges: drafts.flatMap(({ line, message, steps }) => message === undefined ? [] : [{ message, line, steps }])
  }
}

const ownerOf = (
  message: Message,
  asked: ReadonlyMap<JsonRpc.RequestId, Draft>,
  tokens: ReadonlyMap<unknown, Draft>
): Draft | undefined => {
  switch (message.kind) {
    case "answer":
    case "error":
    case "malformed":
      return message.id === undefined || message.id === null ? undefined : asked.get(ownId(message.id))
    case "request":
      return undefined
    case "notification": {
      const { _meta, progressToken } = membersOf(message.body)
      const subscription = membersOf(_meta)[ModernEra.metaKey.subscriptionId]
      if (typeof subscription === "string" || typeof subscription === "number") return asked.get(ownId(subscription))
      if (message.method !== "notifications/progress") return undefined
      return tokens.get(typeof progressToken === "string" ? ownId(progressToken) : progressToken) ??
        tokens.get(progressToken)
    }
  }
}

const malformedOf = ({ body, id }: Message): JsonRpc.Malformed => {
  const { excerpt, reason } = membersOf(body)
  return {
    _tag: "Malformed",
    reason: typeof reason === "string" ? reason : "not JSON",
    excerpt: typeof excerpt === "string" ? excerpt : "",
    ...(id !== undefined && id !== null && { answerTo: id })
  }
}

/** The token under which a request wants to be told of progress. */
export const progressTokenOf = ({ body }: { readonly body?: unknown }): unknown =>
  membersOf(membersOf(body)["_meta"])["progressToken"]

export const membersOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {}
