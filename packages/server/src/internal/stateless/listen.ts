/** The answer to `subscriptions/listen`: what it is to tell, and everything that has changed until the client or the server lets go. */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import { metaKey } from "@holdfast/protocol/ModernEra"
import * as Effect from "effect/Effect"
import { honoured, type Listeners, readFilter, tagged, tellIfWanted } from "./Listeners.ts"
import type * as RequestServer from "./RequestServer.ts"
import { toResult } from "./results.ts"
import { refused, type StatelessRequest } from "./StatelessRequest.ts"
import { refusal, type Reply, type StatelessTransport } from "./StatelessTransport.ts"

export interface ListenOptions {
  readonly listeners: Listeners
  /** Told what the listener's own server says. */
  readonly learn: (principal: string, message: JsonRpc.Notification) => void
  /** The server is not needed any more. */
  readonly giveBack: () => void
}

export const listen = <A>(
  { giveBack, learn, listeners }: ListenOptions,
  transport: StatelessTransport<A>,
  { id, params }: StatelessRequest,
  { greeting, requestServer }: RequestServer.Greeted
): Effect.Effect<A> =>
  Effect.suspend(() => {
    const { session } = requestServer
    const wanted = readFilter(params)
    if (typeof wanted === "string") {
      giveBack()
      return Effect.succeed(transport.answer(refusal(id, refused(200, JsonRpc.errorCode.invalidParams, wanted))))
    }
    const filter = honoured(wanted, greeting.capabilities)
    let reply: Reply | undefined
    const listener = {
      id,
      principal: session.principal.id,
      filter,
      tell: (text: string): void => reply?.say(text)
    }
    // Each of those that listen has such a server, and all of them may say the same: each tells its own.
    requestServer.onSaid = (message) => {
      if (message._tag === "Request") return requestServer.refuse(message)
      learn(session.principal.id, message)
      tellIfWanted(listener, message)
    }
    const result = JsonRpc.encodeSuccess(
      id,
      toResult("subscriptions/listen", { _meta: { [metaKey.subscriptionId]: id } }, greeting.serverInfo)
    )
    return transport.converse(session, (made) => {
      reply = made
      const acknowledged = tagged("notifications/subscriptions/acknowledged", { notifications: filter }, id)
      // There is nothing that it could be told.
      if (Object.keys(filter).length === 0) {
        made.say(acknowledged)
        made.finish(200, result)
        return giveBack()
      }
      const remove = listeners.add(listener)
      session.onClosing(() => {
        remove()
        made.finish(200, result)
      })
      made.say(acknowledged)
      for (const uri of filter.resourceSubscriptions ?? []) {
        requestServer.request("resources/subscribe", { uri }, () => {})
      }
    })
  })
