/**
 * The lists of a server: what a request for one is, what a page of one holds, and how a client is told that one has changed. Pure.
 *
 * Gotchas: only a request that says nothing but where it goes on (`cursor`) is one for a list: what else it says may change the answer.
 */
import { metaKey } from "@holdfast/protocol/MetaKey"
import * as RawMessage from "./RawMessage.ts"

/** The names that the protocol has for one list. */
export interface ServerList {
  /** Of the result: the items. */
  readonly member: string
  /** Of the server's capabilities: its `listChanged` says that changes are told. */
  readonly capability: "tools" | "prompts" | "resources"
  /** Tells that it has changed. */
  readonly notification: string
  /** Of the filter of `subscriptions/listen`: asks to be told. */
  readonly filter: string
}

const resources = {
  capability: "resources",
  notification: "notifications/resources/list_changed",
  filter: "resourcesListChanged"
} as const

/** By the method that asks for it. */
export const all: ReadonlyMap<string, ServerList> = new Map<string, ServerList>([
  ["tools/list", {
    member: "tools",
    capability: "tools",
    notification: "notifications/tools/list_changed",
    filter: "toolsListChanged"
  }],
  ["prompts/list", {
    member: "prompts",
    capability: "prompts",
    notification: "notifications/prompts/list_changed",
    filter: "promptsListChanged"
  }],
  ["resources/list", { member: "resources", ...resources }],
  ["resources/templates/list", { member: "resourceTemplates", ...resources }]
])

/** A request for a page of a list. */
export interface PageRequest {
  readonly method: string
  /** As it is written. Undefined: the first page. */
  readonly cursor: string | undefined
}

/** Undefined: it is none, or asks for more than a page. */
export const pageRequest = (message: RawMessage.RawMessage): PageRequest | undefined => {
  const { kind, method = "" } = message
  if (kind !== "request" || !all.has(method)) return undefined
  const names = Object.keys(RawMessage.paramsOf(message))
  if (names.some((name) => name !== "cursor" && name !== "_meta")) return undefined
  return { method, cursor: RawMessage.textAt(message, ["params", "cursor"]) }
}

/** What is needed of a page to know whether it is another one the next time. */
export interface Page {
  /** A digest of each item, as it is written. */
  readonly items: ReadonlyArray<string>
  /** The cursor of the next page, as it is written. */
  readonly next: string | undefined
}

/** Undefined: the answer is an error, or no page of this list. */
export const pageIn = (method: string, answer: RawMessage.RawMessage): Page | undefined => {
  const items = RawMessage.elementsAt(answer, ["result", all.get(method)?.member ?? ""])
  if (items === undefined) return undefined
  const next = RawMessage.textAt(answer, ["result", "nextCursor"])
  return { items: items.map(digest), next: next === "null" ? undefined : next }
}

/** How many milliseconds the answer is fresh, as its server says. 0: it says nothing, or that it is stale at once. */
export const ttlOf = ({ value }: RawMessage.RawMessage): number => {
  const { ttlMs } = RawMessage.membersOf(value["result"])
  return typeof ttlMs === "number" && ttlMs > 0 ? ttlMs : 0
}

/** The parameters of a request of our own for a page, on behalf of the request of a client. */
export const paramsFor = (cursor: string | undefined, asked: RawMessage.RawMessage): string => {
  const words = [metaKey.protocolVersion, metaKey.clientInfo, metaKey.clientCapabilities].flatMap((key) => {
    const said = RawMessage.textAt(asked, ["params", "_meta", key])
    return said === undefined ? [] : [`${JSON.stringify(key)}:${said}`]
  })
  const members = [
    ...(cursor === undefined ? [] : [`"cursor":${cursor}`]),
    ...(words.length === 0 ? [] : [`"_meta":{${words.join(",")}}`])
  ]
  return `{${members.join(",")}}`
}

/** Whether what was heard of a list is what begins this one; all of it, if all was heard. */
export const isSame = (heard: Page, items: ReadonlyArray<string>): boolean =>
  heard.items.every((item, index) => item === items[index]) &&
  (heard.next !== undefined || heard.items.length === items.length)

/** Of no use against an enemy, which a server is not to its own list; what is, is slow to load. */
const digest = (text: string): string => {
  let a = 0x811c9dc5
  let b = 0x1b873593
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    a = Math.imul(a ^ code, 0x01000193)
    b = Math.imul(b ^ code, 0x5bd1e995) + a | 0
  }
  return `${text.length} ${a} ${b}`
}
