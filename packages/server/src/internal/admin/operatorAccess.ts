/**
 * Lets operators into the page by the port's own tokens: one in the end of the address, which no server and no log gets to see, is given for the secret
 * of a session; a proxy that adds `Authorization` is let in by that.
 *
 * A session of a page ends after twelve hours, and with the server.
 */
import type { DashboardAccess } from "@holdfast/dashboard/DashboardAccess"
import { DashboardRefusal } from "@holdfast/dashboard/DashboardSource"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Option from "effect/Option"
import type { Authenticator } from "../../Authenticator.ts"
import * as Guard from "../../Guard.ts"
import { digestOf, randomId } from "../nodeCrypto.ts"

const lastsMillis = 12 * 3_600_000
/** More pages than any server has operators. */
const mostSessions = 100

export interface OperatorAccess extends DashboardAccess {
  /** The same by the credentials of the request itself. */
  readonly knows: (request: HttpServerRequest.HttpServerRequest) => Effect.Effect<boolean>
  /** What an admitted request bears in the place of a secret. */
  readonly admitted: string
}

/** What a page is told that has no session. */
export const howToEnter =
  "this page wants a token of the server's operators; open its address with # and the token behind it"

/** Over the authenticator of the port. */
export const make = (auth: Authenticator): Effect.Effect<OperatorAccess> =>
  Effect.map(Clock.Clock, (clock) => {
    const sessions = new Map<string, number>()
    const admitted = randomId()
    const knows = (request: HttpServerRequest.HttpServerRequest) =>
      Effect.match(Guard.identify(auth, request), { onFailure: () => false, onSuccess: () => true })
    return {
      admitted,
      knows: (request) => request.headers["authorization"] === undefined ? Effect.succeed(false) : knows(request),
      admits: (given) =>
        given === admitted ||
        given !== undefined && (sessions.get(digestOf(given)) ?? 0) > clock.currentTimeMillisUnsafe(),
      enter: (token) =>
        Effect.gen(function*() {
          const request = yield* Effect.serviceOption(HttpServerRequest.HttpServerRequest)
          const isKnown = Option.isSome(request) && /^[\x21-\x7e]+$/.test(token) && (yield* knows(
            request.value.modify({ headers: Headers.set(request.value.headers, "authorization", `Bearer ${token}`) })
          ))
          if (!isKnown) return yield* new DashboardRefusal({ message: `the token is not known; ${howToEnter}` })
          const session = randomId()
          for (const oldest of [...sessions.keys()].slice(0, Math.max(0, sessions.size - mostSessions + 1))) {
            sessions.delete(oldest)
          }
          sessions.set(digestOf(session), clock.currentTimeMillisUnsafe() + lastsMillis)
          return session
        })
    }
  })
