/**
 * Opens the link that an endpoint stands for: a process, Streamable HTTP, or HTTP+SSE. An endpoint with an opener of its own is
 * opened by that, and `LinkOpener` may come before all of them.
 */
import type * as DeadlineSweeper from "@holdfast/core/Deadlines"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { HttpEndpoint, SseEndpoint, StdioEndpoint } from "../../Endpoint.ts"
import type { Link, LinkReceiver } from "../../Link.ts"
import { LinkOpener, type OpenLink } from "../../LinkOpener.ts"
import { type ConnectReason, HandshakeFailed } from "../../McpRuntimeError.ts"
import * as StdioLink from "../../StdioLink.ts"
import { guarded } from "../http/SessionLost.ts"
import type { Fork } from "../link/scopedFork.ts"
import * as connectFailure from "./connectFailure.ts"
import type { ConnectOptions } from "./contract.ts"
import type { Course } from "./dialing.ts"

/** What the opening of a link needs of its connection. */
export interface Opening {
  readonly deadlines: DeadlineSweeper.Deadlines
  readonly fork: Fork
  readonly course: Course
}

export const openLink = (
  { endpoint, maxMessageBytes, recorded = unrecorded, server }: Pick<
    ConnectOptions,
    "endpoint" | "maxMessageBytes" | "recorded" | "server"
  >,
  receiver: LinkReceiver,
  opening: Opening
): Effect.Effect<Link, ConnectReason, Scope.Scope> => {
  const open: OpenLink = (options, receiver) => {
    const direct = endpoint._tag === "Stdio"
      ? openStdio(options, endpoint, receiver)
      : endpoint._tag === "Sse"
      ? openSse(options, endpoint, receiver, opening)
      : openHttp(options, endpoint, receiver, opening)
    return endpoint.open?.(options, receiver, direct) ?? direct
  }
  return Effect.flatMap(LinkOpener, (opener) => recorded(opener(open))({ endpoint, maxMessageBytes, server }, receiver))
}

const unrecorded = (open: OpenLink): OpenLink => open

type LinkOptions = Pick<ConnectOptions, "maxMessageBytes" | "server">

const openStdio = (
  { maxMessageBytes, server }: LinkOptions,
  endpoint: StdioEndpoint,
  receiver: LinkReceiver
): Effect.Effect<Link, ConnectReason, Scope.Scope> => {
  const { args, command, cwd, inheritEnv } = endpoint
  const env = Object.fromEntries(
    Object.entries(endpoint.env).map(([name, value]) => [name, String(Redacted.value(value))])
  )
  return StdioLink.make(
    { command, args, env, inheritEnv, maxMessageBytes, ...(cwd !== undefined && { cwd }) },
    receiver
  ).pipe(
    Effect.mapError(({ reason }) => connectFailure.ofSpawn(server, endpoint, reason))
  )
}

const openHttp = (
  { maxMessageBytes, server }: LinkOptions,
  endpoint: HttpEndpoint,
  receiver: LinkReceiver,
  { deadlines, fork }: Opening
): Effect.Effect<Link, ConnectReason, Scope.Scope> =>
  // Loaded when it is needed: undici takes about 50 ms to load, and stdio has no use for it.
  loaded(() => import("../../HttpLink.ts")).pipe(
    Effect.flatMap((HttpLink) => {
      const { isSessionLost, push, sessionEndTimeout } = endpoint
      const complain = (error: unknown) =>
        void fork(Effect.logError(`${server}: isSessionLost failed, the default decides`, error))
      const classify = typeof isSessionLost === "function" ? guarded(isSessionLost, complain) : isSessionLost
      const session = { isSessionLost: classify, push, sessionEndTimeout }
      return HttpLink.make({ ...partsOf(endpoint), ...session, deadlines, maxMessageBytes }, receiver)
    }),
    Effect.mapError(({ description }) => new HandshakeFailed({ server, description }))
  )

const openSse = (
  { maxMessageBytes, server }: LinkOptions,
  endpoint: SseEndpoint,
  receiver: LinkReceiver,
  { course, deadlines }: Opening
): Effect.Effect<Link, ConnectReason, Scope.Scope> =>
  loaded(() => import("../../SseLink.ts")).pipe(
    Effect.flatMap((SseLink) => {
      const onAddress = () => {
        course.hasAddress = true
      }
      const limit = course.isGuess ? { deadlines, addressTimeout: addressPatience } : {}
      return SseLink.make({ ...partsOf(endpoint), ...limit, maxMessageBytes, onAddress }, receiver)
    }),
    Effect.mapError(({ description }) => new HandshakeFailed({ server, description }))
  )

/** Code that is loaded when it is needed. A bundler may have broken it; the words are the module loader's, and hold no secret. */
const loaded = <A>(load: () => Promise<A>): Effect.Effect<A, { readonly description: string }> =>
  Effect.tryPromise({
    try: load,
    catch: (thrown) => ({
      description: `this program's code for HTTP cannot be loaded: ${String(thrown).split("\n")[0]}`
    })
  })

const partsOf = ({ authorizer, headers, url }: HttpEndpoint | SseEndpoint) => ({ url, headers, authorizer })

/** An event stream that names no address within this time is not one of HTTP+SSE: Streamable HTTP has streams, too. */
const addressPatience: Duration.Input = "5 seconds"
