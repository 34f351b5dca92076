/**
 * The clients that are told of changes: the open answers to `subscriptions/listen`.
 *
 * What the server of a call says, all listeners of the same principal hear, because each request has a server of its own: the one that
 * changes something is never the one that has been listening. What the server of a listener says is its own.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/utilities/subscriptions
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type * as Messages from "@holdfast/protocol/Messages"
import { metaKey, type SubscriptionFilter } from "@holdfast/protocol/ModernEra"
import { isObject, type JsonObject } from "./StatelessRequest.ts"

export interface Listener {
  readonly id: JsonRpc.RequestId
  readonly principal: string
  readonly filter: SubscriptionFilter
  readonly tell: (text: string) => void
}

/** Each of them is a request to the server. */
const maxResources = 1000

/** What a client asks to be told, or what is wrong with it. */
export const readFilter = (params: JsonObject): SubscriptionFilter | string => {
  const wanted = params["notifications"]
  if (!isObject(wanted)) return "params.notifications is missing"
  const { promptsListChanged, resourceSubscriptions = [], resourcesListChanged, toolsListChanged } = wanted
  if (!Array.isArray(resourceSubscriptions) || !resourceSubscriptions.every((uri) => typeof uri === "string")) {
    return "params.notifications.resourceSubscriptions is a list of uris"
  }
  if (resourceSubscriptions.length > maxResources) return `a subscription names ${maxResources} resources at most`
  return {
    ...(toolsListChanged === true && { toolsListChanged }),
    ...(promptsListChanged === true && { promptsListChanged }),
    ...(resourcesListChanged === true && { resourcesListChanged }),
    ...(resourceSubscriptions.length > 0 && { resourceSubscriptions })
  }
}

/** What of it a server can tell. */
export const honoured = (
  { promptsListChanged, resourceSubscriptions, resourcesListChanged, toolsListChanged }: SubscriptionFilter,
  { prompts, resources, tools }: Messages.ServerCapabilities
): SubscriptionFilter => ({
  ...(toolsListChanged && tools?.listChanged && { toolsListChanged }),
  ...(promptsListChanged && prompts?.listChanged && { promptsListChanged }),
  ...(resourcesListChanged && resources?.listChanged && { resourcesListChanged }),
  ...(resourceSubscriptions && resources?.subscribe && { resourceSubscriptions })
})

export class Listeners {
  readonly #all = new Set<Listener>()

  /** Listens until what is returned is called. */
  add(listener: Listener): () => void {
    this.#all.add(listener)
    return () => void this.#all.delete(listener)
  }

  /** A notification of a server of this principal. */
  publish(principal: string, message: JsonRpc.Notification): void {
    for (const listener of this.#all) if (listener.principal === principal) tellIfWanted(listener, message)
  }
}

export const tellIfWanted = ({ filter, id, tell }: Listener, { method, params }: JsonRpc.Notification): void => {
  const said = isObject(params) ? params : {}
  if (isWanted(filter, method, said)) tell(tagged(method, said, id))
}

/** A notification on the answer to a `subscriptions/listen`. */
export const tagged = (method: string, params: JsonObject, id: JsonRpc.RequestId): string => {
  const { _meta } = params
  return JsonRpc.encodeNotification(method, {
    ...params,
    _meta: { ...(isObject(_meta) && _meta), [metaKey.subscriptionId]: id }
  })
}

const isWanted = (filter: SubscriptionFilter, method: string, { uri }: JsonObject): boolean => {
  switch (method) {
    case "notifications/tools/list_changed":
      return filter.toolsListChanged === true
    case "notifications/prompts/list_changed":
      return filter.promptsListChanged === true
    case "notifications/resources/list_changed":
      return filter.resourcesListChanged === true
    case "notifications/resources/updated":
      return typeof uri === "string" && filter.resourceSubscriptions?.includes(uri) === true
    default:
      return false
  }
}
