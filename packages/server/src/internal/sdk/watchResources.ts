/** The subscriptions of a client to resources, on an SDK server (version 1), which leaves them to its author. */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Effect from "effect/Effect"
import { z } from "zod"
import type { ResourceRegistry, SubscriptionSchema } from "./addResource.ts"
import { Told } from "./told.ts"

/**
 * Begins to watch a resource, and returns what ends that; undefined for a resource that is another's. `tell`: the resource has changed. It
 * never fails: a client that has gone is not told.
 */
export type Watch = (uri: string, tell: Effect.Effect<void>) => (() => void) | undefined

interface Watching {
  readonly watches: Array<Watch>
  /** By uri, what ends the watch. */
  readonly open: Map<string, () => void>
}

/** Each is a fiber of the session, and uris that follow a template are without end. */
const mostWatched = 1000

/** By its method the SDK knows the request, and checks its parameters. */
const request = (method: string): SubscriptionSchema =>
  z.object({ method: z.literal(method), params: z.object({ uri: z.string() }) })

const known = new WeakMap<ResourceRegistry["server"], Watching>()

/** From here on clients may subscribe to what `watch` knows. Before the server is connected, as the SDK wants it of capabilities. */
export const watchResources = ({ server }: ResourceRegistry, watch: Watch): void => {
  const watching = known.get(server) ?? begin(server)
  watching.watches.push(watch)
}

const begin = (server: ResourceRegistry["server"]): Watching => {
  const watching: Watching = { watches: [], open: new Map() }
  known.set(server, watching)
  server.registerCapabilities({ resources: { subscribe: true } })
  server.setRequestHandler(request("resources/subscribe"), ({ params: { uri } }) => {
    // A client that asks again is told once.
    if (watching.open.has(uri)) return {}
    const tell = Effect.catchCause(
      Effect.promise(() => server.sendResourceUpdated({ uri })),
      (cause) => Effect.logDebug("the client could not be told", cause)
    )
    if (watching.open.size >= mostWatched) {
      throw new Told({
        code: JsonRpc.errorCode.invalidParams,
        message: `no more than ${mostWatched} resources can be subscribed to at once`,
        data: { uri }
      })
    }
    for (const watch of watching.watches) {
      const end = watch(uri, tell)
      if (end === undefined) continue
      watching.open.set(uri, end)
      return {}
    }
    throw new Told({
      code: JsonRpc.errorCode.invalidParams,
      message: `there is no resource ${uri} that tells of its changes`,
      data: { uri }
    })
  })
  server.setRequestHandler(request("resources/unsubscribe"), ({ params: { uri } }) => {
    watching.open.get(uri)?.()
    watching.open.delete(uri)
    return {}
  })
  return watching
}
