/**
 * The servers of a config as a command reaches them: through the daemon, which keeps them for the next command, or started by this one.
 *
 * Servers behind urls outlive their callers anyway, and are connected to directly.
 */
import * as DaemonLink from "@holdfast/daemon/DaemonLink"
import type { McpConfig } from "@holdfast/mcp/McpConfig"
import * as McpConnections from "@holdfast/mcp/McpConnections"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as path from "node:path"
import { Shell } from "./Shell.ts"

/** The call that the hot path has begun through the daemon, if it has. */
export const BegunCall = Context.Reference<DaemonLink.BegunCall | undefined>("holdfast/BegunCall", {
  defaultValue: () => undefined
})

/** `direct`: every server is started by this command, and ends with it. */
export const layer = (config: McpConfig, direct: boolean) =>
  Layer.unwrap(Effect.gen(function*() {
    const { directory, stderr, usesDaemon, version } = yield* Shell
    const isThroughDaemon = usesDaemon && !direct
    const begun = yield* BegunCall
    let isTold = false
    const onDirect = (why: string): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (isTold) return Effect.void
        isTold = true
        return stderr.write(`holdfast: without the daemon: ${why}\n`)
      })
    const file = path.resolve(directory, config.file)
    const servers = [...config.servers].map(([name, server]) => {
      const { endpoint } = server
      // By its name, since its entry also says how it is shared.
      const wants = { server: name, config: file }
      return [
        name,
        isThroughDaemon && endpoint._tag === "Stdio"
          ? { ...server, endpoint: DaemonLink.through(endpoint, { program: "holdfast", wants, onDirect, begun }) }
          : server
      ] as const
    })
    return McpConnections.layer({ ...config, servers: new Map(servers) }, { clientInfo: { name: "holdfast", version } })
  }))
