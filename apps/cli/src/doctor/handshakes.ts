/**
 * Every server of the config, greeted as a command would greet it, and asked for its tools: in turns, each within a time of its own.
 */
import type { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import type { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import * as StartTurns from "@holdfast/mcp/StartTurns"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as DaemonFeed from "../DaemonFeed.ts"
import { fault, type Finding, note, ok } from "./Finding.ts"

/** A finding for each server. `said`: told of those that have not answered yet. */
export const check = Effect.fnUntraced(function*(
  config: McpConfig,
  deadline: Duration.Duration,
  said: (open: ReadonlySet<string>) => void,
  isDirect: boolean
) {
  const mcp = yield* McpConnections
  const turns = yield* StartTurns.make()
  const open = new Set(config.servers.keys())
  said(open)
  const greet = (server: string): Effect.Effect<Finding> =>
    Effect.gen(function*() {
      const [spent, tools] = yield* Effect.timed(mcp.listTools(server, { deadline }))
      const seconds = `${(Duration.toMillis(spent) / 1000).toFixed(1)} s`
      const { era, serverInfo } = yield* mcp.use(
        server,
        ({ era, serverInfo }) => Effect.succeed({ era, serverInfo }),
        { timeout: deadline }
      )
      const who = `${serverInfo.name} ${serverInfo.version}, ${era}`
      if (tools.length === 0) return note("server", server, `${who}, answers in ${seconds}, but has no tools`)
      return ok("server", server, `${who}, ${tools.length} tools in ${seconds}`)
    }).pipe(
      Effect.catch((error) =>
        accountOf(error, server, !isDirect && config.servers.get(server)?.endpoint._tag === "Stdio")
      ),
      Effect.ensuring(Effect.sync(() => {
        open.delete(server)
        said(open)
      }))
    )
  return yield* Effect.forEach(config.servers.keys(), (server) => turns.take(greet(server)), {
    concurrency: "unbounded"
  })
})

/** The daemon has seen more of the try than it can say in the answer to a handshake. */
const accountOf = (error: McpRuntimeError, server: string, asksDaemon: boolean): Effect.Effect<Finding> =>
  (asksDaemon ? Effect.option(DaemonFeed.history(server)) : Effect.succeedNone).pipe(
    Effect.map((history) => {
      const last = Option.getOrUndefined(history)?.tries.findLast(({ outcome }) => outcome !== "other era")
      if (last?.message === undefined || last.outcome === "ready") {
        return fault("server", server, wordsOf(error, server), todoFor(error, server))
      }
      const { advice, message, page } = last
      const more = `holdfast why ${server} shows the last tries${page === undefined ? "" : `, ${page} says more`}`
      return fault(
        "server",
        server,
        withoutName(message, server),
        advice === undefined ? capital(more) : `${advice} ${capital(more)}`
      )
    })
  )

/** A server that was asked nothing has not done its handshake. */
const wordsOf = ({ message, reason }: McpRuntimeError, server: string): string => {
  if (reason._tag !== "DeadlineExceeded" || reason.delivery !== "NotSent") return withoutName(message, server)
  const { afterMillis, description } = reason
  const why = description === undefined || description === unanswered ? "" : ` (${description})`
  return `no handshake in ${Number((afterMillis / 1000).toFixed(1))} s${why}`
}

/** How a deadline says the same. */
const unanswered = "it has not answered the handshake yet"

/** It is beside the message. */
const withoutName = (message: string, server: string): string =>
  message.startsWith(`${server}: `) ? message.slice(server.length + 2) : message

/** The message says what is wrong, and often what to do. This is what helps besides. */
const todoFor = ({ reason }: McpRuntimeError, server: string): string => {
  const page = `docs/errors/${reason._tag}.md says more`
  switch (reason._tag) {
    case "DeadlineExceeded":
    case "HandshakeTimeout":
      return `A first start may take longer: try --deadline 2m. holdfast why ${server} shows its tries; ${page}`
    case "ServerExited":
    case "HandshakeFailed":
    case "ConnectionLost":
      return `holdfast logs ${server} shows what it wrote; ${page}`
    default:
      return capital(page)
  }
}

const capital = (text: string): string =>
  text.startsWith("holdfast") ? text : text.slice(0, 1).toUpperCase() + text.slice(1)
