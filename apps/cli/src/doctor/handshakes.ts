/**
 * Every server of the config, greeted as a command would greet it, and asked for its tools: in turns, each within a time of its own.
 */
import type { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import type { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import * as StartTurns from "@holdfast/mcp/StartTurns"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { fault, type Finding, note, ok } from "./Finding.ts"

/** A finding for each server. `said`: told of those that have not answered yet. */
export const check = Effect.fnUntraced(function*(
  config: McpConfig,
  deadline: Duration.Duration,
  said: (open: ReadonlySet<string>) => void
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
      Effect.catch((error) => Effect.succeed(fault("server", server, error.message, todoFor(error, server)))),
      Effect.ensuring(Effect.sync(() => {
        open.delete(server)
        said(open)
      }))
    )
  return yield* Effect.forEach(config.servers.keys(), (server) => turns.take(greet(server)), {
    concurrency: "unbounded"
  })
})

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
      return page
  }
}
